// Branded names of things, and the parsers that give the brand. No meaning beyond syntax belongs here.
import * as z from "zod/mini";
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

const name = z.string().check(
  z.maxLength(ID_LENGTH_MAX),
  z.regex(/^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/, {
    message: "must be lower-case letters, digits and inner hyphens, like ward-3",
  }),
);
const hex = (digits: number): z.ZodMiniString =>
  z.string().check(
    z.regex(new RegExp(`^[0-9a-f]{${digits}}$`), {
      message: `must be ${digits} lower-case hexadecimal digits`,
    }),
  );

export const fleetIdSchema: z.ZodMiniType<FleetId> = name as unknown as z.ZodMiniType<FleetId>;
export const deviceIdSchema: z.ZodMiniType<DeviceId> = name as unknown as z.ZodMiniType<DeviceId>;
export const lineIdSchema: z.ZodMiniType<LineId> = name as unknown as z.ZodMiniType<LineId>;
export const cohortIdSchema: z.ZodMiniType<CohortId> = name as unknown as z.ZodMiniType<CohortId>;
export const digestSchema: z.ZodMiniType<Digest> = hex(64) as unknown as z.ZodMiniType<Digest>;
export const modelVersionSchema: z.ZodMiniType<ModelVersion> = hex(
  64,
) as unknown as z.ZodMiniType<ModelVersion>;
export const keyIdSchema: z.ZodMiniType<KeyId> = hex(16) as unknown as z.ZodMiniType<KeyId>;
