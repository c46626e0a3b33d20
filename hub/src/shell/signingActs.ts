// What signers answer to a signing request. The hub checks each signature and joins them; it holds no release key.
import {
  accept,
  assembleFrame,
  decodeCbor,
  decodeMessage,
  type FrameSignature,
  type KeyId,
  keysOfRole,
  type Outcome,
  type ReleaseRecord,
  refuse,
  releaseRecordMessage,
  signedBytes,
  unwrap,
} from "@attune/protocol";
import type { SigningRequestRow, VersionRow } from "../ports/store.ts";
import { type ActParts, auditEntry } from "./actParts.ts";
import { currentTrustRoot } from "./trustKeeper.ts";

/** Adds a release key's signature to an open request; the threshold's last one makes the release. */
export async function addSignature(
  { context, lines }: ActParts,
  id: string,
  keyId: KeyId,
  signature: Uint8Array,
  actor: string,
): Promise<Outcome<SigningRequestRow>> {
  const { memory, cryptography, clock, blobs } = context;
  const request = memory.signingRequests.get(id);
  const current = currentTrustRoot(memory);
  if (request === undefined || current === null) {
    return refuse("operator.state_conflict", `signing request ${id} is not open`);
  }
  const keys = keysOfRole(current.root, "release", cryptography);
  const publicKey = keys.get(keyId);
  if (publicKey === undefined) {
    return refuse("signature.key_unknown", `${keyId} is no release key of the trust root`);
  }
  if (!cryptography.verify(publicKey, signedBytes("releaseRecord", request.payload), signature)) {
    return refuse(
      "signature.invalid",
      `this signature of ${keyId} is not over the request's payload`,
    );
  }
  const signatures = [
    // A key may have left the trust root since it signed.
    ...request.signatures.filter((known) => known.keyId !== keyId && keys.has(known.keyId)),
    { keyId, signature: Buffer.from(signature).toString("hex") },
  ];
  const isComplete = signatures.length >= current.root.releaseThreshold;
  const row: SigningRequestRow = { ...request, signatures, state: isComplete ? "signed" : "open" };
  const entry = auditEntry(context, actor, "signing.signed", request.line, request.version, "", {
    request: id,
    keyId,
    signatures: signatures.length,
    threshold: current.root.releaseThreshold,
  });
  if (!isComplete) {
    await context.commit([{ kind: "signingRequest", row }], [entry]);
    return accept(row);
  }
  const frame = assembleFrame("releaseRecord", request.payload, signatures.map(toFrameSignature));
  const decoded = decodeMessage(releaseRecordMessage, frame);
  if (!decoded.ok) return decoded;
  const digest = await blobs.put(frame);
  const version = memory.versions.get(request.version) as VersionRow;
  const wasTaken = await lines.act(
    request.line,
    { type: "signed", request: id, actor },
    {
      changes: [
        { kind: "signingRequest", row },
        { kind: "version", row: { ...version, record: { digest, bytes: frame.length } } },
      ],
      audit: [{ ...entry, atMs: clock.nowMs() }],
    },
  );
  return wasTaken
    ? accept(row)
    : refuse("operator.state_conflict", `nothing waits for signing request ${id} any more`);
}

/** A signer's no: the challenger is rejected. */
export async function refuseSigning(
  { context, lines }: ActParts,
  id: string,
  code: string,
  message: string,
  actor: string,
): Promise<Outcome<string>> {
  const request = context.memory.signingRequests.get(id);
  const wasTaken =
    request !== undefined &&
    (await lines.act(request.line, { type: "signingRefused", request: id, code, message, actor }));
  return wasTaken
    ? accept(id)
    : refuse("operator.state_conflict", `signing request ${id} is not open`);
}

/** A signer's word on why a request stays open: it is shown, and changes nothing else. */
export async function noteWaiting(
  { context }: Pick<ActParts, "context">,
  id: string,
  code: string,
  message: string,
  actor: string,
): Promise<Outcome<SigningRequestRow>> {
  const request = context.memory.signingRequests.get(id);
  if (request === undefined) {
    return refuse("operator.state_conflict", `signing request ${id} is not open`);
  }
  if (request.waiting?.message === message && request.waiting.code === code) return accept(request);
  const row: SigningRequestRow = { ...request, waiting: { code, message } };
  await context.commit(
    [{ kind: "signingRequest", row }],
    [
      auditEntry(context, actor, "signing.waiting", request.line, request.version, message, {
        request: id,
        code,
      }),
    ],
  );
  return accept(row);
}

/** The release record that a request would have signed. */
export function recordOf({ payload }: SigningRequestRow): ReleaseRecord {
  return releaseRecordMessage.schema.parse(unwrap(decodeCbor(payload)));
}

function toFrameSignature({
  keyId,
  signature,
}: SigningRequestRow["signatures"][number]): FrameSignature {
  return { keyId, signature: new Uint8Array(Buffer.from(signature, "hex")) };
}
