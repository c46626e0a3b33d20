// Token to device key to trust root, and what the hub says about this device afterwards. It must not send anything.
import {
  acceptFirstTrustRoot,
  acceptNextTrustRoot,
  checkAssignment,
  decodeMessage,
  digestOf,
  type EnrolmentRequest,
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
  keep,
  noteRefusal,
  type Transition,
  tell,
} from "../transition.ts";
import type { Enrolled } from "./enrolmentState.ts";

/** What is sent to ask for a place; null without a token. */
export function enrolmentRequest(
  state: DeviceState,
  context: CoreContext,
): EnrolmentRequest | null {
  const { enrolment } = state.kept;
  const { token, keyPair, proposedId, line } = context.settings;
  if (enrolment.phase !== "none" || token === null) return null;
  return enrolmentRequestMessage.schema.parse({
    fleet: token.fleet,
    tokenSecret: token.secret,
    publicKey: keyPair.publicKey,
    ...(proposedId === null ? {} : { proposedId }),
    line,
    active: state.kept.slots.active.version,
    nonce: enrolment.nonce,
    createdAtMs: Math.trunc(context.nowMs) as EpochMs,
  });
}

/** The hub has answered the request. */
export function enrolmentReplied(transition: Transition, bytes: Uint8Array): void {
  const { enrolment } = transition.state.kept;
  if (enrolment.phase !== "none") return;
  const reply = readReply(transition, bytes, enrolment.nonce);
  if (!reply.ok) {
    noteRefusal(transition, "enrolment", reply.refusal);
    change(transition, {
      enrolmentProgress: {
        attempt: transition.state.enrolmentProgress.attempt + 1,
        refusal: reply.refusal,
      },
    });
    leaveLink(transition, {
      reason: `enrolment refused: ${reply.refusal.code}`,
      isStuck: false,
      next: "refused",
    });
    return;
  }
  keep(transition, { enrolment: { ...reply.value, seed: enrolment.seed } });
  change(transition, { enrolmentProgress: { attempt: 0, refusal: null } });
  tell(transition, "enrolled", { device: reply.value.device, cohort: reply.value.cohort });
}

type Grant = Omit<Enrolled, "seed">;

function readReply({ context }: Transition, bytes: Uint8Array, nonce: string): Outcome<Grant> {
  const { token, cryptography, isLoopback, line } = context.settings;
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
  const root = acceptFirstTrustRoot(
    reply.grant.trustRoot,
    token.fingerprint,
    isLoopback,
    cryptography,
  );
  if (!root.ok) return root;
  if (root.value.fleet !== token.fleet) {
    return refuse(
      "trust.root_mismatch",
      `the trust root is of fleet ${root.value.fleet}, the token of ${token.fleet}`,
    );
  }
  const signed = verifyRole(frame, root.value, "hub", cryptography);
  if (!signed.ok) return signed;
  const { device, credential } = reply.grant;
  const assignment = checkAssignment(
    reply.grant.assignment,
    { device, line, assignmentSequence: 0 },
    root.value,
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
      trustRoot: root.value,
      trustRootDigest: token.fingerprint,
      cohort: assignment.value.cohort,
      assignmentSequence: assignment.value.assignmentSequence,
    },
  };
}

/** The hub has said which cohort is this device's. */
export function assignmentArrived(transition: Transition, bytes: Uint8Array): void {
  const { enrolment, slots } = transition.state.kept;
  if (enrolment.phase !== "enrolled") return;
  const { line, cryptography } = transition.context.settings;
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
  const { cryptography } = transition.context.settings;
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
