// How a device joins: its request is judged, its row committed, its grant signed. It must not decide who may join.
import {
  type DeviceId,
  type Digest,
  digestOf,
  type EnrolmentReply,
  encodeMessage,
  enrolmentReplyMessage,
  type KeyId,
  keyIdOf,
  type Refusal,
  topics,
} from "@attune/protocol";
import { type AdmittedDevice, judgeEnrolment } from "../core/intake/judgeEnrolment.ts";
import { DEVICES_MAX, LINES_MAX } from "../limits.ts";
import type { LinePolicy } from "../policy.ts";
import { randomBytes } from "../ports/random.ts";
import type { DeviceRow, EnrolmentTokenRow, StoreChange } from "../ports/store.ts";
import { assignmentOf } from "./assignmentOf.ts";
import type { HubContext } from "./hubContext.ts";
import { type IntakePipeline, strangers } from "./intakePipeline.ts";
import type { LineRunner } from "./lineRunner.ts";
import { currentTrustRoot, rootOfToken } from "./trustKeeper.ts";

/** Acts of enrolments, operators and lines that may wait; beyond, an enrolment is dropped and the device asks again. */
const ACTS_WAITING_MAX = 1024;

/** Secrets are 256 random bits, so a plain digest of them tells nothing. */
export function secretHash(context: Pick<HubContext, "cryptography">, secret: string): Digest {
  return digestOf(context.cryptography, new TextEncoder().encode(`attune/v1/secret\0${secret}`));
}

/** A secret of 256 bits as text. */
export function makeSecret(context: Pick<HubContext, "random">): string {
  return Buffer.from(randomBytes(context.random, 32)).toString("base64url");
}

/** The token with a secret, unless it has expired. */
export function findToken(context: HubContext, secret: string): EnrolmentTokenRow | undefined {
  const { memory } = context;
  const id = memory.enrolmentTokensByHash.get(secretHash(context, secret));
  return id === undefined ? undefined : memory.enrolmentTokens.get(id);
}

/** Enrolments of one hub. */
export interface Enrolment {
  /** Takes a message of an enrolment topic; false for any other topic. */
  onMessage(topic: string, bytes: Uint8Array): boolean;
}

/** Creates it. */
export function createEnrolment(
  context: HubContext,
  intake: IntakePipeline,
  lines: LineRunner,
  newLinePolicy: LinePolicy,
  retainedChanged: () => void,
): Enrolment {
  const { fleet, memory, clock, cryptography, broker, onlineKey } = context;
  const prefix = topics.enrolUp(fleet, "").slice(0, -"/up".length);

  const reply = async (nonce: string, answer: Omit<EnrolmentReply, "nonce">): Promise<void> => {
    const frame = encodeMessage(
      enrolmentReplyMessage,
      { nonce, ...answer },
      [onlineKey],
      cryptography,
    );
    await broker.publish(topics.enrolDown(fleet, nonce), frame, false);
  };

  const refuse = async (nonce: string, refusal: Refusal): Promise<void> => {
    intake.countRefusal(strangers.enrolling, refusal);
    const { code, message } = refusal;
    await reply(nonce, { refusal: { code, message: message.slice(0, 500) } });
  };

  const enrol = async (nonce: string, bytes: Uint8Array): Promise<void> => {
    const root = currentTrustRoot(memory);
    const judged = judgeEnrolment(
      bytes,
      {
        fleet,
        nonce,
        nowMs: clock.nowMs(),
        findToken: (secret) => findToken(context, secret),
        findByKey(keyId) {
          const device = memory.devicesByKey.get(keyId);
          const row = device === undefined ? undefined : memory.devices.get(device)?.row;
          if (row === undefined) return undefined;
          const { device: name, token, nonces } = row;
          return { device: name, token, nonces, isRetired: row.status === "retired" };
        },
        isNameTaken: (device) => memory.devices.has(device),
        isFull: memory.devices.size >= DEVICES_MAX,
      },
      cryptography,
    );
    if (!judged.ok) return refuse(nonce, judged.refusal);
    if (root === null) {
      const message = "this hub has no trust root yet; ask the operator";
      return refuse(nonce, { code: "enrolment.token_invalid", message });
    }
    const { request, token, known, isRepeated } = judged.value;
    const named = rootOfToken(context, token.id, root.frame);
    if (!named.ok) return refuse(nonce, named.refusal);
    const again = known === null || !isRepeated ? undefined : memory.devices.get(known)?.row;
    const credentialAgain = again === undefined ? "" : credentialOf(again.keyId, nonce);
    if (again !== undefined && secretHash(context, credentialAgain) === again.credentialHash) {
      const { device, assignment } = again;
      const credential = credentialAgain;
      return reply(nonce, { grant: { device, credential, trustRoot: named.value, assignment } });
    }
    if (!memory.lines.has(request.line)) {
      if (memory.lines.size >= LINES_MAX) {
        const message = `this hub has its largest number of lines, and ${request.line} is none of them`;
        return refuse(nonce, { code: "enrolment.token_invalid", message });
      }
      await lines.create(request.line, newLinePolicy);
    }
    const { device, credential, row } = await grant(judged.value);
    retainedChanged();
    await reply(nonce, {
      grant: { device, credential, trustRoot: named.value, assignment: row.assignment },
    });
  };

  const grant = async ({
    request,
    token,
    known,
  }: AdmittedDevice): Promise<{ device: DeviceId; credential: string; row: DeviceRow }> => {
    const tokenRow = memory.enrolmentTokens.get(token.id) as EnrolmentTokenRow;
    const device = known ?? request.proposedId ?? freshName();
    const keyId = keyIdOf(cryptography, request.publicKey);
    const credential = credentialOf(keyId, request.nonce);
    const before = known === null ? undefined : memory.devices.get(known)?.row;
    const cohort = before?.cohort ?? tokenRow.cohort;
    const row: DeviceRow = {
      device,
      keyId,
      publicKey: request.publicKey,
      line: before?.line ?? request.line,
      cohort,
      status: before?.status ?? "active",
      token: token.id,
      credentialHash: secretHash(context, credential),
      ...assignmentOf(context, device, before?.line ?? request.line, cohort, before),
      enrolledAtMs: before?.enrolledAtMs ?? clock.nowMs(),
      nonces: [...(before?.nonces ?? []).filter((nonce) => nonce !== request.nonce), request.nonce],
    };
    const changes: StoreChange[] = [{ kind: "device", row }];
    if (known === null) {
      const usesCount = tokenRow.usesCount + 1;
      changes.push({ kind: "enrolmentToken", row: { ...tokenRow, usesCount } });
    }
    await context.commit(changes, [
      {
        atMs: clock.nowMs(),
        actor: `device:${device}`,
        action: "device.enrolled",
        line: row.line,
        subject: device,
        reason: known === null ? "" : "again, with the same key",
        detail: { keyId: row.keyId, cohort, token: token.id, active: request.active },
      },
    ]);
    await lines.act(row.line, { type: "cohortAdded", cohort });
    lines.look(row.line);
    return { device, credential, row };
  };

  /**
   * What a device connects with: worked out from the request that it answers, so that the same request gets the same one and
   * none has to be kept. An Ed25519 signature is one of a kind, and only who has the hub's key can make it.
   */
  const credentialOf = (keyId: KeyId, nonce: string): string => {
    const text = new TextEncoder().encode(`attune/v1/credential\0${fleet}\0${keyId}\0${nonce}`);
    const secret = cryptography.sha256(cryptography.sign(onlineKey.secretKey, text));
    return Buffer.from(secret).toString("base64url");
  };

  const freshName = (): DeviceId => {
    for (;;) {
      const name = `dev-${Buffer.from(randomBytes(context.random, 5)).toString("hex")}` as DeviceId;
      if (!memory.devices.has(name)) return name;
    }
  };

  return {
    onMessage(topic, bytes) {
      if (!topic.startsWith(prefix) || !topic.endsWith("/up")) return false;
      const nonce = topic.slice(prefix.length, -"/up".length);
      if (!/^[0-9a-f]{32}$/.test(nonce) || context.acts.length >= ACTS_WAITING_MAX) return true;
      context.acts.run(() => enrol(nonce, bytes)).catch((error: unknown) => context.fault(error));
      return true;
    },
  };
}
