// Runs the frozen vectors against one build of the protocol, in whatever runtime: no test framework, nothing of Node.
import type * as Protocol from "../src/index.ts";

/** Bytes are written as `{ "hex": "..." }`. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json };

/** A message of every kind: from the value to the bytes and back. */
export interface MessageVector {
  readonly kind: Protocol.FrameKind;
  /** Ed25519 seeds of the signers, in order. */
  readonly seeds: readonly string[];
  readonly value: Json;
  readonly frame: string;
  /** SHA-256 of the frame. */
  readonly digest: string;
}

/** A frame that must be refused, whoever signed it. */
export interface RefusalVector {
  readonly name: string;
  readonly kind: Protocol.FrameKind;
  readonly frame: string;
  readonly code: Protocol.RefusalCode;
}

/** A parameter set and its exact bytes. */
export interface ParametersVector {
  readonly name: string;
  /** In any order; `data` is float32, little endian. */
  readonly tensors: readonly {
    readonly name: string;
    readonly dims: readonly number[];
    readonly data: string;
  }[];
  readonly bytes: string;
  readonly digest: string;
}

/** A delta on the wire, what it means, and what it makes of its base. */
export interface DeltaVector {
  readonly name: string;
  /** Parameters in their exact bytes. */
  readonly base: string;
  /** What was quantised: float32, little endian. */
  readonly values: readonly { readonly index: number; readonly data: string }[];
  readonly wire: string;
  /** What the wire decodes to: float32, little endian. */
  readonly decoded: readonly { readonly index: number; readonly data: string }[];
  /** Norm of `decoded`, a float64 as text that reads back to it. */
  readonly norm: number;
  /** SHA-256 of the parameters that `decoded` makes of the base. */
  readonly result: string;
}

/**
 * A signature and the one right verdict on it: RFC 8032, section 7.1; Chalkias, Garillot and Nikolaenko 2020, "Taming the many
 * EdDSAs", appendix C, and the generator of its cases.
 */
export interface SignatureVector {
  readonly name: string;
  readonly publicKey: string;
  readonly message: string;
  readonly signature: string;
  readonly isValid: boolean;
}

/** Names that are digests. */
export interface NameVectors {
  readonly keyIds: readonly { readonly publicKey: string; readonly keyId: string }[];
  readonly versions: readonly { readonly parts: Protocol.ModelParts; readonly version: string }[];
  readonly canaries: readonly {
    readonly salt: string;
    readonly devices: readonly string[];
    readonly hashes: readonly number[];
    readonly thresholds: readonly number[];
  }[];
}

/** All vectors, as their files have them. */
export interface Vectors {
  readonly messages: readonly MessageVector[];
  readonly refusals: readonly RefusalVector[];
  readonly parameters: readonly ParametersVector[];
  readonly deltas: readonly DeltaVector[];
  readonly signatures: readonly SignatureVector[];
  readonly names: NameVectors;
}

/** What was run, and what did not hold. */
export interface VectorRun {
  readonly checkCount: number;
  readonly failures: readonly string[];
}

/** Bytes of hexadecimal digits. */
function fromHex(hex: string): Uint8Array {
  return Uint8Array.from({ length: hex.length / 2 }, (_, at) =>
    Number.parseInt(hex.slice(2 * at, 2 * at + 2), 16),
  );
}

const isBytes = (json: Json): json is { readonly hex: string } =>
  typeof json === "object" && json !== null && "hex" in json && typeof json.hex === "string";

/** A value with its bytes as bytes. */
function fromJson(json: Json): unknown {
  if (isBytes(json)) return fromHex(json.hex);
  if (Array.isArray(json)) return json.map((item: Json) => fromJson(item));
  if (typeof json !== "object" || json === null) return json;
  return Object.fromEntries(Object.entries(json).map(([key, item]) => [key, fromJson(item)]));
}

const floatsOf = (hex: string): Float32Array => {
  const bytes = fromHex(hex);
  const view = new DataView(bytes.buffer);
  return Float32Array.from({ length: bytes.length / 4 }, (_, at) => view.getFloat32(4 * at, true));
};

/** Runs every vector with every implementation of the cryptography that is given. */
export function runVectors(
  protocol: typeof Protocol,
  cryptographies: Readonly<Record<string, Protocol.Cryptography>>,
  vectors: Vectors,
): VectorRun {
  const failures: string[] = [];
  let checkCount = 0;
  const { toHex, unwrap } = protocol;
  const isSame = (name: string, actual: unknown, expected: unknown): void => {
    checkCount += 1;
    if (actual !== expected)
      failures.push(`${name}: ${String(actual)}, expected ${String(expected)}`);
  };
  const hexOfFloats = (values: Float32Array): string => {
    const bytes = new Uint8Array(4 * values.length);
    const view = new DataView(bytes.buffer);
    values.forEach((value, at) => view.setFloat32(4 * at, value, true));
    return toHex(bytes);
  };
  /** The CBOR of a value stands for it: every field, its type and its bits. */
  const cborOf = (value: unknown): string => toHex(protocol.encodeCbor(value));

  const runMessage = (
    { kind, seeds, value, frame, digest }: MessageVector,
    cryptography: Protocol.Cryptography,
  ): void => {
    const type: Protocol.MessageType<unknown> = protocol[`${kind}Message`];
    const keys = seeds.map((seed) => cryptography.keyPair(fromHex(seed)));
    const bytes = protocol.encodeMessage(type, fromJson(value), keys, cryptography);
    isSame(`${kind}, encoded`, toHex(bytes), frame);
    isSame(`${kind}, digest`, protocol.digestOf(cryptography, fromHex(frame)), digest);
    const read = unwrap(protocol.decodeMessage(type, fromHex(frame)));
    isSame(`${kind}, decoded`, cborOf(read.value), cborOf(fromJson(value)));
    const trusted = new Map(
      keys.map(({ publicKey }) => [protocol.keyIdOf(cryptography, publicKey), publicKey]),
    );
    const signed = protocol.verifySignatures(read.frame, trusted, keys.length, cryptography);
    isSame(`${kind}, verified`, signed.ok, true);
  };

  const runDelta = (vector: DeltaVector, cryptography: Protocol.Cryptography): void => {
    const base = unwrap(protocol.decodeParameters(fromHex(vector.base)));
    const delta = unwrap(protocol.decodeDelta(fromHex(vector.wire), base));
    const expected = JSON.stringify(vector.decoded);
    const asText = (some: Protocol.ParameterDelta): string =>
      JSON.stringify(some.map(({ index, values }) => ({ index, data: hexOfFloats(values) })));
    isSame(`${vector.name}, decoded`, asText(delta), expected);
    const values = vector.values.map(({ index, data }) => ({ index, values: floatsOf(data) }));
    const again = unwrap(protocol.decodeDelta(protocol.encodeDelta(values), base));
    isSame(`${vector.name}, encoded and decoded`, asText(again), expected);
    isSame(`${vector.name}, norm`, protocol.deltaNorm(delta), vector.norm);
    const result = protocol.encodeParameters(protocol.applyDelta(base, delta));
    isSame(`${vector.name}, result`, protocol.digestOf(cryptography, result), vector.result);
  };

  for (const [name, cryptography] of Object.entries(cryptographies)) {
    try {
      for (const vector of vectors.messages) runMessage(vector, cryptography);
      for (const { name: what, kind, frame, code } of vectors.refusals) {
        const type: Protocol.MessageType<unknown> = protocol[`${kind}Message`];
        const outcome = protocol.decodeMessage(type, fromHex(frame));
        isSame(what, outcome.ok ? "accepted" : outcome.refusal.code, code);
      }
      for (const { name: what, tensors, bytes, digest } of vectors.parameters) {
        const set = protocol.parameterSetOf(
          tensors.map((tensor) => ({ ...tensor, data: floatsOf(tensor.data) })),
        );
        isSame(`${what}, encoded`, toHex(protocol.encodeParameters(set)), bytes);
        isSame(`${what}, digest`, protocol.digestOf(cryptography, fromHex(bytes)), digest);
        const read = unwrap(protocol.decodeParameters(fromHex(bytes)));
        isSame(`${what}, decoded`, toHex(protocol.encodeParameters(read)), bytes);
      }
      for (const vector of vectors.deltas) runDelta(vector, cryptography);
      for (const { name: what, publicKey, message, signature, isValid } of vectors.signatures) {
        const verdict = cryptography.verify(
          fromHex(publicKey),
          fromHex(message),
          fromHex(signature),
        );
        isSame(`${name}, ${what}`, verdict, isValid);
      }
      for (const { publicKey, keyId } of vectors.names.keyIds) {
        isSame("key id", protocol.keyIdOf(cryptography, fromHex(publicKey)), keyId);
      }
      for (const { parts, version } of vectors.names.versions) {
        isSame("model version", protocol.modelVersionOf(parts, cryptography), version);
      }
      for (const { salt, devices, hashes, thresholds } of vectors.names.canaries) {
        const ids = devices as readonly Protocol.DeviceId[];
        ids.forEach((device, at) =>
          isSame(
            `canary hash of ${device}`,
            protocol.canaryHash(salt, device, cryptography),
            hashes[at],
          ),
        );
        thresholds.forEach((threshold, at) =>
          isSame(
            `canary of ${at + 1}`,
            protocol.canaryThreshold(salt, ids, at + 1, cryptography),
            threshold,
          ),
        );
      }
    } catch (error) {
      failures.push(
        `${name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      );
    }
  }
  return { checkCount, failures };
}
