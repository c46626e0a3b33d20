// Branded names of things, and the parsers that give the brand. No meaning beyond syntax belongs here.
import { z } from "zod";
import { ID_LENGTH_MAX } from "./limits.ts";

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

const name = z
  .string()
  .max(ID_LENGTH_MAX)
  .regex(/^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/, {
    message: "must be lower-case letters, digits and inner hyphens, like ward-3",
  });
const hex = (digits: number): z.ZodString =>
  z.string().regex(new RegExp(`^[0-9a-f]{${digits}}$`), {
    message: `must be ${digits} lower-case hexadecimal digits`,
  });

export const fleetIdSchema: z.ZodType<FleetId> = name as unknown as z.ZodType<FleetId>;
export const deviceIdSchema: z.ZodType<DeviceId> = name as unknown as z.ZodType<DeviceId>;
export const lineIdSchema: z.ZodType<LineId> = name as unknown as z.ZodType<LineId>;
export const cohortIdSchema: z.ZodType<CohortId> = name as unknown as z.ZodType<CohortId>;
export const digestSchema: z.ZodType<Digest> = hex(64) as unknown as z.ZodType<Digest>;
export const modelVersionSchema: z.ZodType<ModelVersion> = hex(
  64,
) as unknown as z.ZodType<ModelVersion>;
export const keyIdSchema: z.ZodType<KeyId> = hex(16) as unknown as z.ZodType<KeyId>;

/**
 * The short form of a ModelVersion that people read and type: `line@` and its first 8 digits.
 *
 * @example
 * shortVersion("activity" as LineId, "7c1f09aa".padEnd(64, "0") as ModelVersion); // => "activity@7c1f09aa"
 */
export function shortVersion(line: LineId, version: ModelVersion): string {
  return `${line}@${version.slice(0, 8)}`;
}
