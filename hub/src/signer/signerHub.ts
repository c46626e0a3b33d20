// What a signer asks of a hub. It believes only the form of the answers; `checkSigningRequest` judges what they say.
import { BLOB_BYTES_MAX, type BlobRef, type KeyId, toHex } from "@attune/protocol";
import type { HubClient } from "../cli/hubClient.ts";
import type { SigningEvidence } from "./checkSigningRequest.ts";

/** A request as the hub lists it. */
export interface OpenRequest {
  readonly id: string;
  /** CBOR of the release record: the exact bytes to sign. */
  readonly payload: Uint8Array;
  readonly evidence: SigningEvidence | undefined;
  readonly signedBy: readonly string[];
  /** What a signer said last that it waits for, or empty. */
  readonly waitsFor: string;
  readonly isOpen: boolean;
}

/** The hub, to a signer. Every failure is a `CommandError`. */
export interface SignerHub {
  openRequests(): Promise<readonly OpenRequest[]>;
  /** One request by id or by the beginning of its version. */
  request(id: string): Promise<OpenRequest>;
  /** The signed record's frame of a version, or `null` when the hub has none. */
  recordFrame(version: string): Promise<Uint8Array | null>;
  /** Bytes of a blob, no more than its record promises; their digest is not checked here. */
  blob(ref: BlobRef): Promise<Uint8Array>;
  sign(id: string, keyId: KeyId, signature: Uint8Array): Promise<OpenRequest>;
  refuse(id: string, code: string, message: string): Promise<void>;
  /** Says why the request stays open. */
  wait(id: string, code: string, message: string): Promise<void>;
}

const base64 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "base64"));

/** Open requests that one poll looks at; more wait for the next one. */
const REQUESTS_MAX = 100;

/** {@link SignerHub} over the hub's API. */
export function createSignerHub(client: HubClient): SignerHub {
  return {
    openRequests: async () =>
      (await client.list<WireRequest>("/api/signing-requests?state=open", REQUESTS_MAX)).map(
        readRequest,
      ),
    request: async (id) =>
      readRequest(await client.json("GET", `/api/signing-requests/${encodeURIComponent(id)}`)),
    recordFrame: async (version) => {
      const { record } = await client.json<{ record?: unknown }>(
        "GET",
        `/api/versions/${encodeURIComponent(version)}`,
      );
      return typeof record === "string" ? base64(record) : null;
    },
    blob: async ({ digest, bytes }) => {
      const path = `/blobs/${digest}`;
      return client.bytes(path, Math.min(bytes, BLOB_BYTES_MAX));
    },
    sign: async (id, keyId, signature) =>
      readRequest(
        await client.json("POST", `/api/signing-requests/${encodeURIComponent(id)}/signatures`, {
          keyId,
          signature: toHex(signature),
        }),
      ),
    refuse: async (id, code, message) => {
      await client.json("POST", `/api/signing-requests/${encodeURIComponent(id)}/refusal`, {
        code,
        message,
      });
    },
    wait: async (id, code, message) => {
      await client.json("POST", `/api/signing-requests/${encodeURIComponent(id)}/waiting`, {
        code,
        message: message.slice(0, 500),
      });
    },
  };
}

/** The fields that are read; anything may be missing or wrong. */
interface WireRequest {
  readonly id?: unknown;
  readonly state?: unknown;
  readonly version?: unknown;
  readonly payload?: unknown;
  readonly gate?: unknown;
  readonly signatures?: unknown;
  readonly waiting?: unknown;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const textOf = (value: unknown): string => (typeof value === "string" ? value : "");
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

const readRequest = (wire: WireRequest): OpenRequest => ({
  id: textOf(wire.id),
  payload: base64(textOf(wire.payload)),
  evidence: isRecord(wire.gate)
    ? {
        version: textOf(wire.version),
        verdict: textOf(wire.gate["verdict"]),
        checks: listOf(wire.gate["checks"])
          .filter(isRecord)
          .map(({ name, outcome, evidence }) => ({
            name: textOf(name),
            outcome: textOf(outcome),
            evidence: isRecord(evidence) ? evidence : {},
          })),
      }
    : undefined,
  signedBy: listOf(wire.signatures)
    .filter(isRecord)
    .map(({ keyId }) => textOf(keyId)),
  waitsFor: isRecord(wire.waiting) ? textOf(wire.waiting["message"]) : "",
  isOpen: wire.state === "open",
});
