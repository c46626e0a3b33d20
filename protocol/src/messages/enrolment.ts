// How a device becomes known: token to device key to trust root. The token travels once, inside a signed request.
import * as z from "zod/mini";
import type { MessageType } from "../codec/message.ts";
import {
  type DeviceId,
  deviceIdSchema,
  type FleetId,
  fleetIdSchema,
  type LineId,
  lineIdSchema,
  type ModelVersion,
  modelVersionSchema,
} from "../ids.ts";
import { FRAME_BYTES_MAX } from "../limits.ts";
import type { EpochMs } from "../units.ts";
import { bytesSchema, codeSchema, epochMsSchema, publicKeySchema, reasonSchema } from "./fields.ts";

/** Signed with the key that it names: proof that the device holds it. */
export interface EnrolmentRequest {
  readonly fleet: FleetId;
  /** The secret part of the enrolment token. */
  readonly tokenSecret: string;
  readonly publicKey: Uint8Array;
  /** A name that the operator agreed with the device's owner; the hub gives a random one when it is absent. */
  readonly proposedId?: DeviceId | undefined;
  readonly line: LineId;
  /** What the device serves now, from its bundled package. */
  readonly active: ModelVersion;
  /** 32 hexadecimal digits; also in the topic of request and reply. */
  readonly nonce: string;
  readonly createdAtMs: EpochMs;
}

export const enrolmentRequestMessage: MessageType<EnrolmentRequest> = {
  kind: "enrolmentRequest",
  schema: z.object({
    fleet: fleetIdSchema,
    tokenSecret: z.string().check(z.minLength(16), z.maxLength(128)),
    publicKey: publicKeySchema,
    proposedId: z.optional(deviceIdSchema),
    line: lineIdSchema,
    active: modelVersionSchema,
    nonce: z.string().check(z.regex(/^[0-9a-f]{32}$/)),
    createdAtMs: epochMsSchema,
  }),
};

/** What an accepted device is given. */
export interface EnrolmentGrant {
  readonly device: DeviceId;
  /** MQTT password; the user name is the device id. */
  readonly credential: string;
  /** Frame of the signed trust root; the device checks it against the fingerprint in its token. */
  readonly trustRoot: Uint8Array;
  /** Frame of the signed assignment. */
  readonly assignment: Uint8Array;
}

/** Signed by the hub's online key, which the trust root inside names. */
export interface EnrolmentReply {
  readonly nonce: string;
  readonly grant?: EnrolmentGrant | undefined;
  /** Present instead of a grant. */
  readonly refusal?: { readonly code: string; readonly message: string } | undefined;
}

export const enrolmentReplyMessage: MessageType<EnrolmentReply> = {
  kind: "enrolmentReply",
  schema: z
    .object({
      nonce: z.string().check(z.regex(/^[0-9a-f]{32}$/)),
      grant: z.optional(
        z.object({
          device: deviceIdSchema,
          credential: z.string().check(z.minLength(16), z.maxLength(128)),
          trustRoot: bytesSchema(1, FRAME_BYTES_MAX),
          assignment: bytesSchema(1, FRAME_BYTES_MAX),
        }),
      ),
      refusal: z.optional(z.object({ code: codeSchema, message: reasonSchema })),
    })
    .check(
      z.refine(({ grant, refusal }) => (grant === undefined) !== (refusal === undefined), {
        message: "must have either a grant or a refusal",
      }),
    ),
};
