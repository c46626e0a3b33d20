// Branded names of things, and the parsers that give the brand. No meaning beyond syntax belongs here.
import { ID_LENGTH_MAX } from "./limits.ts";
import * as s from "./schema/schema.ts";

/** A type that the compiler keeps apart from other strings or numbers. */
export type Brand<T, Name extends string> = T & { readonly __brand: Name };

/** One installation of a hub with its devices. */
export type FleetId = Brand<string, "FleetId">;
/** One enrolled device; a pseudonym given at enrolment, never a person's name. */
export type DeviceId = Brand<string, "DeviceId">;
/** One model line: the succession of versions that serve one task. */
export type LineId = Brand<string, "LineId">;
/** A named set of devices. */
export type CohortId = Brand<string, "CohortId">;
/** SHA-256 of exact bytes, 64 lower-case hexadecimal digits. */
export type Digest = Brand<string, "Digest">;
/** Immutable id of one trained artifact: a {@link Digest} made by `modelVersionOf`. */
export type ModelVersion = Brand<string, "ModelVersion">;
/** First 8 bytes of the SHA-256 of a public key, 16 hexadecimal digits. */
export type KeyId = Brand<string, "KeyId">;

/** What text must look like, for whoever writes schemas of another kind, such as those of an HTTP API. */
export interface TextForm {
  readonly pattern: RegExp;
  /** Continues the name of the place. */
  readonly message: string;
}

/** Names that people give; at most `ID_LENGTH_MAX` long. */
export const nameForm: TextForm = {
  pattern: /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/,
  message: "must be lower-case letters, digits and inner hyphens, like ward-3",
};

/** A fixed number of hexadecimal digits. */
export const hexForm = (digits: number): TextForm => ({
  pattern: new RegExp(`^[0-9a-f]{${digits}}$`),
  message: `must be ${digits} lower-case hexadecimal digits`,
});

const name = s.string().max(ID_LENGTH_MAX).form(nameForm);
const hex = (digits: number): s.TextSchema => s.string().form(hexForm(digits));

export const fleetIdSchema: s.Schema<FleetId> = name as unknown as s.Schema<FleetId>;
export const deviceIdSchema: s.Schema<DeviceId> = name as unknown as s.Schema<DeviceId>;
export const lineIdSchema: s.Schema<LineId> = name as unknown as s.Schema<LineId>;
export const cohortIdSchema: s.Schema<CohortId> = name as unknown as s.Schema<CohortId>;
export const digestSchema: s.Schema<Digest> = hex(64) as unknown as s.Schema<Digest>;
export const modelVersionSchema: s.Schema<ModelVersion> = hex(
  64,
) as unknown as s.Schema<ModelVersion>;
export const keyIdSchema: s.Schema<KeyId> = hex(16) as unknown as s.Schema<KeyId>;

/**
 * The short form of a ModelVersion that people read and type: `line@` and its first 8 digits.
 *
 * @example
 * shortVersion("activity" as LineId, "7c1f09aa".padEnd(64, "0") as ModelVersion); // => "activity@7c1f09aa"
 */
export function shortVersion(line: LineId, version: ModelVersion): string {
  return `${line}@${version.slice(0, 8)}`;
}
