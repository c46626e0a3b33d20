// The release record in the very bytes that would be signed. Pure; it must not believe that bytes and record say the same.
import {
  accept,
  assembleFrame,
  type Cryptography,
  decodeMessage,
  encodeCbor,
  FRAME_BYTES_MAX,
  FRAME_HEADER_BYTES,
  FRAME_SIGNATURE_BYTES,
  FRAME_SIGNATURES_MAX,
  modelVersionOf,
  type Outcome,
  type ReleaseRecord,
  refuse,
  releaseRecordMessage,
} from "@attune/protocol";

/** A signed record must fit a frame. */
const RECORD_BYTES_MAX: number =
  FRAME_BYTES_MAX - FRAME_HEADER_BYTES - 1 - FRAME_SIGNATURES_MAX * FRAME_SIGNATURE_BYTES;

/**
 * Reads a record that is to be signed.
 *
 * A signature is over bytes, and a person or a policy has looked at what was decoded from them. So the bytes must be exactly those
 * that this record encodes to: a field that the schema drops, or one written in another form, would be signed unseen.
 *
 * @returns the record, with its version worked out again, or `frame.too_large`, `frame.not_decodable`, `message.schema_invalid`,
 *   `version.mismatch`
 */
export function recordInPayload(
  payload: Uint8Array,
  cryptography: Cryptography,
): Outcome<ReleaseRecord> {
  if (payload.length > RECORD_BYTES_MAX) {
    return refuse(
      "frame.too_large",
      `the record has ${payload.length} bytes, limit ${RECORD_BYTES_MAX}; a device could not read it`,
    );
  }
  const message = decodeMessage(releaseRecordMessage, assembleFrame("releaseRecord", payload, []));
  if (!message.ok) return message;
  const record = message.value.value;
  const own = encodeCbor(record);
  if (own.length !== payload.length || own.some((byte, at) => byte !== payload[at])) {
    return refuse(
      "message.schema_invalid",
      "the bytes to sign are not those of the record that they decode to: something in them would be signed unseen; look at the hub",
    );
  }
  const { graph, parameters, preprocessing, calibration } = record.parts;
  const version = modelVersionOf(
    {
      graph: graph.digest,
      parameters: parameters.digest,
      preprocessing: preprocessing.digest,
      calibration: calibration.digest,
    },
    cryptography,
  );
  return version === record.version
    ? accept(record)
    : refuse(
        "version.mismatch",
        `the record's parts make ${version.slice(0, 8)}, it names ${record.version.slice(0, 8)}; build the record again`,
      );
}
