// Token to device key to trust root, and what the hub says about this device afterwards. It must not send anything.
import {
  accept,
  acceptFirstTrustRoot,
  acceptNextTrustRoot,
  checkAssignment,
  type DeviceId,
  decodeMessage,
  digestOf,
  type EnrolmentRequest,
  type EnrolmentToken,
  type EpochMs,
  enrolmentReplyMessage,
  enrolmentRequestMessage,
  type Outcome,
  refuse,
  replacesHubKeys,
  verifyRole,
} from "@attune/protocol";
import { leaveLink } from "../link/link.ts";
import type { DeviceState } from "../state.ts";
import {
  type CoreContext,
  change,
  hubOf,
  keep,
  noteRefusal,
  type Transition,
  tell,
} from "../transition.ts";
import { type Enrolled, type EnrolmentState, noEnrolmentProgress } from "./enrolmentState.ts";

/** The place that is asked for, and under which nonce; null when none is. */
export function askedPlace(
  state: DeviceState,
  context: CoreContext,
): { readonly nonce: string; readonly proposedId: DeviceId | null } | null {
  const { enrolment } = state.kept;
  if (enrolment.phase === "none")
    return { nonce: enrolment.nonce, proposedId: hubOf(context).proposedId };
  const { renewal } = state.enrolmentProgress;
  // Its own name again: what waits in the outbox is signed under it.
  return renewal === null ? null : { nonce: renewal, proposedId: enrolment.device };
}

/** What is sent to ask for a place; null without a token. */
export function enrolmentRequest(
  state: DeviceState,
  context: CoreContext,
): EnrolmentRequest | null {
  const { token, keyPair } = hubOf(context);
  const { line } = context.settings;
  const asked = askedPlace(state, context);
  if (asked === null || token === null) return null;
  const { nonce, proposedId } = asked;
  return enrolmentRequestMessage.schema.parse({
    fleet: token.fleet,
    tokenSecret: token.secret,
    publicKey: keyPair.publicKey,
    ...(proposedId === null ? {} : { proposedId }),
    line,
    active: state.kept.slots.active.version,
    nonce,
    createdAtMs: Math.trunc(context.nowMs) as EpochMs,
  });
}

/** The hub has answered the request. */
export function enrolmentReplied(transition: Transition, bytes: Uint8Array): void {
  const { enrolment } = transition.state.kept;
  const asked = askedPlace(transition.state, transition.context);
  if (asked === null) return;
  const reply = readReply(transition, bytes, asked.nonce);
  if (!reply.ok) {
    noteRefusal(transition, "enrolment", reply.refusal);
    change(transition, {
      enrolmentProgress: {
        ...transition.state.enrolmentProgress,
        attempt: transition.state.enrolmentProgress.attempt + 1,
        refusal: reply.refusal,
      },
    });
    leaveLink(transition, {
      reason: `enrolment refused: ${reply.refusal.code}`,
      isStuck: false,
      // Who has a credential goes on trying it meanwhile.
      ...(enrolment.phase === "none" ? { next: "refused" as const } : {}),
    });
    return;
  }
  keep(transition, { enrolment: { ...reply.value, seed: enrolment.seed } });
  change(transition, {
    enrolmentProgress: {
      ...noEnrolmentProgress,
      renewAtMs: transition.state.enrolmentProgress.renewAtMs,
    },
  });
  tell(transition, "enrolled", { device: reply.value.device, cohort: reply.value.cohort });
}

type Grant = Omit<Enrolled, "seed">;

function readReply(
  { state, context }: Transition,
  bytes: Uint8Array,
  nonce: string,
): Outcome<Grant> {
  const { token, cryptography } = hubOf(context);
  const { line } = context.settings;
  const message = decodeMessage(enrolmentReplyMessage, bytes);
  if (!message.ok) return message;
  const { value: reply, frame } = message.value;
  if (token === null || reply.nonce !== nonce) {
    return refuse("message.schema_invalid", "the reply is not to this device's request");
  }
  if (reply.grant === undefined) {
    // Nobody vouches for a refusal: a false one costs a pause, and the next request is sent all the same.
    const { code, message: text } = reply.refusal ?? { code: "", message: "" };
    return { ok: false, refusal: { code: code as "enrolment.token_invalid", message: text } };
  }
  const { device, credential } = reply.grant;
  const { enrolment } = state.kept;
  if (enrolment.phase === "enrolled" && enrolment.device !== device) {
    return refuse(
      "message.schema_invalid",
      `the grant is for ${device}, and this device is ${enrolment.device}`,
    );
  }
  const root = rootOf(enrolment, reply.grant.trustRoot, token, context);
  if (!root.ok) return root;
  const { trustRoot, trustRootDigest } = root.value;
  const signed = verifyRole(frame, trustRoot, "hub", cryptography);
  if (!signed.ok) return signed;
  // The reply is signed and to this very request, so its assignment is the newest, whatever number a restored hub counts from.
  const assignment = checkAssignment(
    reply.grant.assignment,
    { device, line, assignmentSequence: 0 },
    trustRoot,
    cryptography,
  );
  if (!assignment.ok) return assignment;
  return {
    ok: true,
    value: {
      phase: "enrolled",
      device,
      fleet: token.fleet,
      credential,
      trustRoot,
      trustRootDigest,
      cohort: assignment.value.cohort,
      assignmentSequence: assignment.value.assignmentSequence,
    },
  };
}

/** Whose signature a grant needs: a device that has followed a trust root never goes back to its token's. */
function rootOf(
  enrolment: EnrolmentState,
  granted: Uint8Array,
  token: EnrolmentToken,
  context: CoreContext,
): Outcome<Pick<Enrolled, "trustRoot" | "trustRootDigest">> {
  if (enrolment.phase === "enrolled") return accept(enrolment);
  const { isLoopback, cryptography } = hubOf(context);
  const root = acceptFirstTrustRoot(granted, token.fingerprint, isLoopback, cryptography);
  if (!root.ok) return root;
  if (root.value.fleet !== token.fleet) {
    return refuse(
      "trust.root_mismatch",
      `the trust root is of fleet ${root.value.fleet}, the token of ${token.fleet}`,
    );
  }
  return accept({ trustRoot: root.value, trustRootDigest: token.fingerprint });
}

/** The hub has said which cohort is this device's. */
export function assignmentArrived(transition: Transition, bytes: Uint8Array): void {
  const { enrolment, slots } = transition.state.kept;
  if (enrolment.phase !== "enrolled") return;
  const { line } = transition.context.settings;
  const { cryptography } = hubOf(transition.context);
  const assignment = checkAssignment(
    bytes,
    { device: enrolment.device, line, assignmentSequence: enrolment.assignmentSequence },
    enrolment.trustRoot,
    cryptography,
  );
  if (!assignment.ok) {
    // The retained assignment comes again with every connection.
    if (assignment.refusal.code !== "assignment.sequence_replayed") {
      noteRefusal(transition, "assignment", assignment.refusal);
    }
    return;
  }
  const { cohort, assignmentSequence } = assignment.value;
  keep(transition, {
    enrolment: { ...enrolment, cohort, assignmentSequence },
    // A decision of the new cohort may have come too early.
    slots: { ...slots, refusedDecisions: [] },
  });
  if (cohort !== enrolment.cohort) tell(transition, "assigned", { cohort });
}

/** The fleet's trust root, perhaps a new version of it. */
export function trustRootArrived(transition: Transition, bytes: Uint8Array): void {
  const { enrolment } = transition.state.kept;
  if (enrolment.phase !== "enrolled") return;
  const { cryptography } = hubOf(transition.context);
  const trustRootDigest = digestOf(cryptography, bytes);
  // The retained current version comes with every connection.
  if (trustRootDigest === enrolment.trustRootDigest) return;
  const next = acceptNextTrustRoot(enrolment.trustRoot, bytes, cryptography);
  if (!next.ok) {
    noteRefusal(transition, "trustRoot", next.refusal);
    return;
  }
  const { slots } = transition.state.kept;
  const isReplaced = replacesHubKeys(enrolment.trustRoot, next.value);
  keep(transition, {
    enrolment: {
      ...enrolment,
      trustRoot: next.value,
      trustRootDigest,
      assignmentSequence: isReplaced ? 0 : enrolment.assignmentSequence,
    },
    slots: {
      ...slots,
      // What an unknown key signed may be known now.
      refusedDecisions: [],
      floor: { ...slots.floor, decisionSequence: isReplaced ? 0 : slots.floor.decisionSequence },
    },
  });
}
