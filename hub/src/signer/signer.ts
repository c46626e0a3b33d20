// One signer at work: takes the hub's open requests, checks each against its delegation, signs or refuses. It opens no port,
// keeps no state of its own between polls, and holds no policy: that is `checkSigningRequest`.
import {
  accept,
  type Cryptography,
  type Delegation,
  type Digest,
  decodeMessage,
  delegationMessage,
  type EpochMs,
  keysOfRole,
  type LineId,
  type Outcome,
  type RefusalCode,
  type ReleaseRecord,
  releaseRecordMessage,
  shortVersion,
  signedBytes,
  type TrustRoot,
  verifySignatures,
} from "@attune/protocol";
import { CommandError, exitCodes } from "../cli/exitCodes.ts";
import {
  checkSigningRequest,
  type ReleasedParameters,
  type SigningFindings,
} from "./checkSigningRequest.ts";
import { recordInPayload } from "./recordInPayload.ts";
import type { ReleaseKey } from "./signerFolder.ts";
import type { OpenRequest, SignerHub } from "./signerHub.ts";

/** What became of one request in one poll. */
export interface SignerAct {
  readonly kind: "signed" | "refused" | "waiting" | "failed";
  readonly request: string;
  /** `line@version`, or the request's id when its record cannot be read. */
  readonly name: string;
  /** The version, or empty when its record cannot be read. */
  readonly version: string;
  /** A refusal's or a fault's code, or empty. */
  readonly code: string;
  /** In a sentence. */
  readonly because: string;
}

/** What a signer works with. */
export interface SignerParts {
  readonly keys: readonly ReleaseKey[];
  readonly trustRoot: TrustRoot;
  /** The frames of a line's delegations, as they were signed. */
  readonly delegationFrames: (line: LineId) => readonly Uint8Array[];
  readonly hub: SignerHub;
  readonly nowMs: () => EpochMs;
  readonly cryptography: Cryptography;
  /** Signs imported releases without a person: for demos. */
  readonly approvesImports: boolean;
}

/** A signer. */
export interface Signer {
  /** Looks at every open request once. Throws only when the hub cannot be asked at all. */
  pollOnce(): Promise<readonly SignerAct[]>;
  /** Signs one request on a person's word. Its version is worked out again all the same. */
  approve(id: string): Promise<SignerAct>;
}

/**
 * Nothing is wrong with the candidate: it is not covered, and a person can cover it. It waits as an import does, until the hub's own
 * deadline.
 */
const waitsForPerson: ReadonlySet<string> = new Set<RefusalCode>([
  "delegation.missing",
  "delegation.expired",
  "delegation.graph_mismatch",
]);

/** Makes a signer. */
export function createSigner(parts: SignerParts): Signer {
  const { hub, trustRoot, cryptography } = parts;
  const releaseKeys = keysOfRole(trustRoot, "release", cryptography);

  /** A record that the release keys have signed, or nothing. */
  const releasedRecord = async (version: string): Promise<ReleaseRecord | undefined> => {
    let frame: Uint8Array | null;
    try {
      frame = await hub.recordFrame(version);
    } catch (error) {
      if (error instanceof CommandError && error.exitCode === exitCodes.refused) return undefined;
      throw error;
    }
    if (frame === null) return undefined;
    const message = decodeMessage(releaseRecordMessage, frame);
    if (!message.ok || message.value.value.version !== version) return undefined;
    const signed = verifySignatures(
      message.value.frame,
      releaseKeys,
      trustRoot.releaseThreshold,
      cryptography,
    );
    return signed.ok ? message.value.value : undefined;
  };

  const released = async (version: string | undefined): Promise<ReleasedParameters | undefined> => {
    if (version === undefined) return undefined;
    const record = await releasedRecord(version);
    return record === undefined
      ? undefined
      : { record, parameters: await hub.blob(record.parts.parameters) };
  };

  /** The delegation for a graph; another one of the line when there is none, whose refusal then says what differs. */
  const delegationFor = (line: LineId, graph: Digest): Outcome<Delegation | undefined> => {
    let found: Outcome<Delegation | undefined> = accept(undefined);
    for (const frame of parts.delegationFrames(line)) {
      const message = decodeMessage(delegationMessage, frame);
      const signed = message.ok
        ? verifySignatures(
            message.value.frame,
            releaseKeys,
            trustRoot.releaseThreshold,
            cryptography,
          )
        : message;
      if (message.ok && signed.ok) {
        found = accept(message.value.value);
        if (message.value.value.graph === graph) break;
      } else if (!signed.ok && found.ok && found.value === undefined) {
        found = signed;
      }
    }
    return found;
  };

  const checkAggregate = async (
    request: OpenRequest,
    record: ReleaseRecord,
  ): Promise<Outcome<SigningFindings>> => {
    const delegation = delegationFor(record.line, record.parts.graph.digest);
    if (!delegation.ok) return delegation;
    return checkSigningRequest(
      {
        record,
        parameters: await hub.blob(record.parts.parameters),
        delta: record.delta === undefined ? undefined : await hub.blob(record.delta.blob),
        deltaBase: await released(record.delta?.base),
        delegationBase: await released(delegation.value?.base),
        evidence: request.evidence,
      },
      delegation.value,
      parts.nowMs(),
      cryptography,
    );
  };

  const sign = async (
    request: OpenRequest,
    record: ReleaseRecord,
    because: string,
  ): Promise<SignerAct> => {
    const message = signedBytes("releaseRecord", request.payload);
    let current = request;
    for (const key of parts.keys) {
      if (!current.isOpen || current.signedBy.includes(key.keyId)) continue;
      const signature = cryptography.sign(key.secretKey, message);
      current = await hub.sign(request.id, key.keyId, signature);
    }
    return actOf("signed", request, record, "", because);
  };

  const look = async (request: OpenRequest): Promise<SignerAct | null> => {
    if (parts.keys.every(({ keyId }) => request.signedBy.includes(keyId))) return null;
    const record = recordInPayload(request.payload, cryptography);
    if (!record.ok) return refuseRequest(request, undefined, record.refusal);
    if (record.value.lineage.source === "imported") {
      if (parts.approvesImports) {
        return sign(request, record.value, "imports are approved without a person (demo)");
      }
      const name = shortVersion(record.value.line, record.value.version);
      return waitFor(request, record.value, {
        code: "",
        message: `${name} was imported and needs a person's word: attune signer approve ${request.id}`,
      });
    }
    const checked = await checkAggregate(request, record.value);
    if (!checked.ok) {
      return waitsForPerson.has(checked.refusal.code)
        ? waitFor(request, record.value, checked.refusal)
        : refuseRequest(request, record.value, checked.refusal);
    }
    const { norm, normMax, changedTensorCount } = checked.value;
    return sign(
      request,
      record.value,
      `${norm.toPrecision(3)} of at most ${normMax} away from the delegation's base, ${changedTensorCount} tensors changed, gate says promote`,
    );
  };

  /** Leaves a request open, and lets the hub tell everybody what it waits for. */
  const waitFor = async (
    request: OpenRequest,
    record: ReleaseRecord,
    { code, message }: { readonly code: string; readonly message: string },
  ): Promise<SignerAct> => {
    if (request.waitsFor !== message) await hub.wait(request.id, code, message);
    return actOf("waiting", request, record, code, message);
  };

  const refuseRequest = async (
    request: OpenRequest,
    record: ReleaseRecord | undefined,
    refusal: { readonly code: string; readonly message: string },
  ): Promise<SignerAct> => {
    await hub.refuse(request.id, refusal.code, refusal.message);
    return actOf("refused", request, record, refusal.code, refusal.message);
  };

  return {
    pollOnce: async () => {
      const acts: SignerAct[] = [];
      for (const request of await hub.openRequests()) {
        try {
          const act = await look(request);
          if (act !== null) acts.push(act);
        } catch (error) {
          // One request that fails must not keep the others waiting; it stays open and is looked at again.
          if (!(error instanceof CommandError) || error.exitCode === exitCodes.unreachable) {
            throw error;
          }
          acts.push(actOf("failed", request, undefined, error.code, error.message));
        }
      }
      return acts;
    },
    approve: async (id) => {
      const request = await hub.request(id);
      const record = recordInPayload(request.payload, cryptography);
      if (!record.ok) return refuseRequest(request, undefined, record.refusal);
      if (!request.isOpen) {
        return actOf(
          "failed",
          request,
          record.value,
          "operator.state_conflict",
          `request ${id} is no longer open`,
        );
      }
      return sign(request, record.value, "approved by a person");
    },
  };
}

const actOf = (
  kind: SignerAct["kind"],
  request: OpenRequest,
  record: ReleaseRecord | undefined,
  code: string,
  because: string,
): SignerAct => ({
  kind,
  request: request.id,
  name: record === undefined ? request.id : shortVersion(record.line, record.version),
  version: record?.version ?? "",
  code,
  because,
});
