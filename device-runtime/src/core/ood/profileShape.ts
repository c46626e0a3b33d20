// What a profile of each score is made of, whatever it says. It must not judge any number.
import type { OodKind } from "./oodProfile.ts";

/** A number, the name of a score, an array of one type, or fields that are all there. */
type Shape =
  | "number"
  | OodKind
  | Float64ArrayConstructor
  | Float32ArrayConstructor
  | Uint32ArrayConstructor
  | Int16ArrayConstructor
  | { readonly [field: string]: Shape };

/** Made when asked for: whoever checks nothing does not load it. */
function shapes(): Readonly<Record<OodKind, Shape>> {
  const gaussian: Shape = {
    dimension: "number",
    classCount: "number",
    sampleCounts: Uint32Array,
    means: Float64Array,
    factor: Float64Array,
    shrinkage: "number",
  };
  const relativeMahalanobis: Shape = {
    kind: "relativeMahalanobis",
    classes: gaussian,
    background: gaussian,
  };
  const knn: Shape = {
    kind: "knn",
    dimension: "number",
    neighbours: "number",
    centre: Float64Array,
    factor: Float64Array,
    references: Float32Array,
    lengths: Float32Array,
    lengthWeight: "number",
  };
  const scale: Shape = { middle: "number", spread: "number" };
  const ofClasses: Shape = { classCount: "number" };

  return {
    combined: {
      neighbours: knn,
      relative: relativeMahalanobis,
      neighboursScale: scale,
      relativeScale: scale,
    },
    mahalanobis: { classes: gaussian },
    relativeMahalanobis,
    knn,
    vim: {
      dimension: "number",
      classCount: "number",
      centre: Float64Array,
      scale: Float64Array,
      residual: Float64Array,
      weight: "number",
    },
    energy: { classCount: "number", temperature: "number" },
    maximumSoftmax: ofClasses,
    maxLogit: ofClasses,
    isolationForest: {
      dimension: "number",
      subsample: "number",
      roots: Uint32Array,
      cutFeatures: Int16Array,
      cutValues: Float64Array,
      rights: Uint32Array,
    },
  };
}

/** The score that something is a profile of by its kind; null for what is none that is known. */
export function kindOf(profile: unknown): OodKind | null {
  const kind = isRecord(profile) ? profile["kind"] : undefined;
  return typeof kind === "string" && Object.hasOwn(shapes(), kind) ? (kind as OodKind) : null;
}

/** Whether all the fields of a profile of such a score are there, each of its type. */
export function hasShapeOf(kind: OodKind, profile: unknown): boolean {
  return hasShape(profile, shapes()[kind]);
}

function hasShape(value: unknown, shape: Shape): boolean {
  if (shape === "number") return typeof value === "number";
  if (typeof shape === "string") return value === shape;
  if (typeof shape === "function") return value instanceof shape;
  return (
    isRecord(value) && Object.entries(shape).every(([name, inner]) => hasShape(value[name], inner))
  );
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
