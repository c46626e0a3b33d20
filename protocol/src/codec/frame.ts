// The frame around every message: header, payload, signatures. It must not know what a payload means.
//
//   0  2  magic "AT"          8      n  payload (CBOR)
//   2  1  protocol version    8+n    1  signature count
//   3  1  kind                9+n  72k  k times: key id 8, signature 64
//   4  4  payload length n, little endian
import type { Cryptography, KeyPair } from "../crypto/cryptography.ts";
import { keyIdOf, toHex } from "../crypto/cryptography.ts";
import { accept, assertDefect, type Outcome, refuse } from "../errors.ts";
import type { KeyId } from "../ids.ts";
import {
  FRAME_BYTES_MAX,
  FRAME_HEADER_BYTES,
  FRAME_SIGNATURE_BYTES,
  FRAME_SIGNATURES_MAX,
  PROTOCOL_VERSION,
} from "../limits.ts";

/** Byte 3 of a frame. Numbers are never reused. */
export const frameKinds = {
  contribution: 1,
  report: 2,
  deviceReceipt: 3,
  hubReceipt: 4,
  assignment: 5,
  decision: 6,
  releaseRecord: 7,
  enrolmentRequest: 8,
  enrolmentReply: 9,
  trustRoot: 10,
  delegation: 11,
} as const;

/** Name of a kind of frame. */
export type FrameKind = keyof typeof frameKinds;

/**
 * How many signatures a frame may have: what a device or the hub sends has one, what holders of release keys sign together up to
 * `FRAME_SIGNATURES_MAX`. With room for more, anybody on the way could add one by an unknown key and so change the digest by
 * which a contribution is receipted.
 */
const signaturesMax = (kind: FrameKind): number =>
  kind === "releaseRecord" || kind === "trustRoot" || kind === "delegation"
    ? FRAME_SIGNATURES_MAX
    : 1;

const MAGIC_0 = 0x41;
const MAGIC_1 = 0x54;

/** A frame taken apart; nothing in it is trusted yet. */
export interface Frame {
  readonly kind: FrameKind;
  readonly payload: Uint8Array;
  readonly signatures: readonly FrameSignature[];
  /** The exact bytes of the whole frame. */
  readonly bytes: Uint8Array;
}

/** One signature of a frame. */
export interface FrameSignature {
  readonly keyId: KeyId;
  readonly signature: Uint8Array;
}

/**
 * The bytes that a signature covers: a prefix that names protocol version and kind, then the payload. A signature made for
 * one kind is therefore worthless under another.
 */
export function signedBytes(kind: FrameKind, payload: Uint8Array): Uint8Array {
  const domain = new TextEncoder().encode(`attune/v${PROTOCOL_VERSION}/${kind}\0`);
  const message = new Uint8Array(domain.length + payload.length);
  message.set(domain);
  message.set(payload, domain.length);
  return message;
}

/**
 * Builds a frame and signs it with each key, in the order given.
 *
 * @throws Defect `frame.too_large` or `frame.signatures_too_many` when our own message breaks a limit
 */
export function encodeFrame(
  kind: FrameKind,
  payload: Uint8Array,
  keys: readonly KeyPair[],
  cryptography: Cryptography,
): Uint8Array {
  const message = signedBytes(kind, payload);
  return assembleFrame(
    kind,
    payload,
    keys.map((key) => ({
      keyId: keyIdOf(cryptography, key.publicKey),
      signature: cryptography.sign(key.secretKey, message),
    })),
  );
}

/**
 * Builds a frame around signatures that were made elsewhere, as when several holders of release keys sign one record.
 *
 * @throws Defect `frame.too_large`, `frame.signatures_too_many` or `frame.signature_malformed`
 */
export function assembleFrame(
  kind: FrameKind,
  payload: Uint8Array,
  signatures: readonly FrameSignature[],
): Uint8Array {
  assertDefect(
    signatures.length <= signaturesMax(kind),
    "frame.signatures_too_many",
    `${kind} has ${signatures.length} signatures, limit ${signaturesMax(kind)}`,
  );
  const signaturesAt = FRAME_HEADER_BYTES + payload.length;
  const bytes = new Uint8Array(signaturesAt + 1 + signatures.length * FRAME_SIGNATURE_BYTES);
  assertDefect(
    bytes.length <= FRAME_BYTES_MAX,
    "frame.too_large",
    `${kind} frame has ${bytes.length} bytes, limit ${FRAME_BYTES_MAX}`,
  );
  bytes.set([MAGIC_0, MAGIC_1, PROTOCOL_VERSION, frameKinds[kind]]);
  new DataView(bytes.buffer).setUint32(4, payload.length, true);
  bytes.set(payload, FRAME_HEADER_BYTES);
  bytes[signaturesAt] = signatures.length;
  signatures.forEach(({ keyId, signature }, index) => {
    const at = signaturesAt + 1 + index * FRAME_SIGNATURE_BYTES;
    for (let byte = 0; byte < 8; byte += 1) {
      bytes[at + byte] = Number.parseInt(keyId.slice(byte * 2, byte * 2 + 2), 16);
    }
    assertDefect(
      /^[0-9a-f]{16}$/.test(keyId) && signature.length === FRAME_SIGNATURE_BYTES - 8,
      "frame.signature_malformed",
      `signature ${index} of a ${kind} has ${signature.length} bytes and key id ${keyId}`,
    );
    bytes.set(signature, at + 8);
  });
  return bytes;
}

/**
 * Takes a frame of the expected kind apart without decoding its payload. Checks size first, and every length against what is
 * there before it is used.
 *
 * @param bytes what arrived; the frame keeps views into it
 * @returns `frame.too_large`, `frame.magic_invalid`, `frame.protocol_unsupported`, `frame.kind_unexpected`, `frame.truncated` or
 *   `frame.signatures_too_many`
 */
export function parseFrame(bytes: Uint8Array, expected: FrameKind): Outcome<Frame> {
  if (bytes.length > FRAME_BYTES_MAX) {
    return refuse(
      "frame.too_large",
      `frame has ${bytes.length} bytes, limit ${FRAME_BYTES_MAX}; send larger things as blobs`,
    );
  }
  // What is there of a short frame is looked at first: it may be somebody else's.
  const [
    magic0 = MAGIC_0,
    magic1 = MAGIC_1,
    version = PROTOCOL_VERSION,
    kind = frameKinds[expected],
  ] = bytes;
  if (magic0 !== MAGIC_0 || magic1 !== MAGIC_1) {
    return refuse(
      "frame.magic_invalid",
      "frame does not begin with AT; this is not Attune's protocol",
    );
  }
  if (version !== PROTOCOL_VERSION) {
    return refuse(
      "frame.protocol_unsupported",
      `frame speaks protocol ${version}, this side speaks ${PROTOCOL_VERSION}; update the older side`,
    );
  }
  if (kind !== frameKinds[expected]) {
    return refuse(
      "frame.kind_unexpected",
      `frame is of kind ${kind}, expected ${frameKinds[expected]} (${expected}); check the topic`,
    );
  }
  if (bytes.length < FRAME_HEADER_BYTES + 1) {
    return refuse(
      "frame.truncated",
      `frame has ${bytes.length} bytes, its header needs ${FRAME_HEADER_BYTES + 1}; send it again`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const signaturesAt = FRAME_HEADER_BYTES + view.getUint32(4, true);
  const signatureCount = bytes[signaturesAt];
  if (signatureCount === undefined) {
    return refuse("frame.truncated", "frame ends before its signatures; send it again");
  }
  const length = signaturesAt + 1 + signatureCount * FRAME_SIGNATURE_BYTES;
  if (bytes.length !== length) {
    return refuse(
      "frame.truncated",
      `frame has ${bytes.length} bytes, its header promises ${length}; send it again`,
    );
  }
  if (signatureCount > signaturesMax(expected)) {
    return refuse(
      "frame.signatures_too_many",
      `${expected} has ${signatureCount} signatures, limit ${signaturesMax(expected)}; send it as it was signed`,
    );
  }
  const signatures = Array.from({ length: signatureCount }, (_, index) => {
    const at = signaturesAt + 1 + index * FRAME_SIGNATURE_BYTES;
    return {
      keyId: toHex(bytes.subarray(at, at + 8)) as KeyId,
      signature: bytes.subarray(at + 8, at + FRAME_SIGNATURE_BYTES),
    };
  });
  return accept({
    kind: expected,
    payload: bytes.subarray(FRAME_HEADER_BYTES, signaturesAt),
    signatures,
    bytes,
  });
}
