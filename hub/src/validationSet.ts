// The operator's validation set as bytes: raw windows, what they are, and whose. Pure.
import { accept, decodeCbor, encodeCbor, type Outcome, refuse } from "@attune/protocol";
import { VALIDATION_PERSONS_MAX, VALIDATION_SAMPLES_MAX } from "./limits.ts";

/** Labelled windows of people who are in no training data. */
export interface ValidationSet {
  /** Values of one window, as a device's `predict` takes it. */
  readonly windowLength: number;
  /** `(samples, windowLength)`, raw units, finite. */
  readonly windows: Float32Array;
  /** Names of the classes, as in the model package. */
  readonly labels: readonly string[];
  /** Index into `labels`, `(samples,)`. */
  readonly labelOf: Uint16Array;
  /** Pseudonyms: a person is the unit of the bootstrap. */
  readonly persons: readonly string[];
  /** Index into `persons`, `(samples,)`. */
  readonly personOf: Uint16Array;
}

const FORMAT = "attune/v1/validation-set";

/** The bytes of a validation set, to upload to a hub. */
export function encodeValidationSet(set: ValidationSet): Uint8Array {
  return encodeCbor({ format: FORMAT, ...set });
}

/**
 * Reads an uploaded validation set.
 *
 * @returns the set, or `operator.request_invalid` with what is wrong
 */
export function decodeValidationSet(bytes: Uint8Array): Outcome<ValidationSet> {
  const invalid = (what: string): ReturnType<typeof refuse> =>
    refuse("operator.request_invalid", `validation set: ${what}; make it with encodeValidationSet`);
  const decoded = decodeCbor(bytes);
  if (!decoded.ok) return invalid("is not CBOR");
  const fields = decoded.value as Partial<Record<keyof ValidationSet | "format", unknown>> | null;
  if (typeof fields !== "object" || fields === null || fields.format !== FORMAT) {
    return invalid(`is not of format ${FORMAT}`);
  }
  const { windowLength, labels, persons, windows, labelOf, personOf } = fields;
  if (
    !(windows instanceof Float32Array) ||
    !(labelOf instanceof Uint16Array) ||
    !(personOf instanceof Uint16Array)
  ) {
    return invalid("lacks windows, labelOf or personOf");
  }
  if (!isNames(labels, 1024) || !isNames(persons, VALIDATION_PERSONS_MAX)) {
    return invalid("lacks the names of labels or persons");
  }
  const samples = labelOf.length;
  if (samples < 1 || samples > VALIDATION_SAMPLES_MAX) {
    return invalid(`has ${samples} samples, allowed are 1 to ${VALIDATION_SAMPLES_MAX}`);
  }
  if (
    typeof windowLength !== "number" ||
    !Number.isInteger(windowLength) ||
    windowLength < 1 ||
    windows.length !== samples * windowLength ||
    personOf.length !== samples
  ) {
    return invalid("has windows, labels and persons of different counts");
  }
  if (!windows.every((value) => Number.isFinite(value))) return invalid("holds NaN or infinity");
  if (
    !labelOf.every((index) => index < labels.length) ||
    !personOf.every((index) => index < persons.length)
  ) {
    return invalid("points to a label or person that it does not name");
  }
  return accept({ windowLength, windows, labels, labelOf, persons, personOf });
}

function isNames(value: unknown, countMax: number): value is readonly string[] {
  return (
    Array.isArray(value) &&
    value.length >= 1 &&
    value.length <= countMax &&
    value.every((name) => typeof name === "string" && name.length >= 1 && name.length <= 64) &&
    new Set(value).size === value.length
  );
}
