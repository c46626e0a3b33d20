// When an enrolled device asks for its place again: a broker has refused it time after time, as one does whose hub was restored
// from a backup that is older than the enrolment. It must not give up anything of what the device has.
import { toHex } from "@attune/protocol";
import { CONNECT_REFUSALS_MAX, RENEWAL_PAUSE_MS } from "../limits.ts";
import type { LinkPurpose } from "../link/linkState.ts";
import type { DeviceState } from "../state.ts";
import { change, type HubSettings, hubOf, noteRefusal, type Transition } from "../transition.ts";

const tokenRefused = {
  code: "enrolment.token_invalid",
  message: "the broker does not know this token either; give createDevice another enrolmentToken",
} as const;

/** Why a device cannot ask for its place again, as words for whoever runs the app; null when it can. */
function missing(state: DeviceState, { token }: HubSettings): string | null {
  const { enrolment } = state.kept;
  if (enrolment.phase !== "enrolled") return null;
  if (token === null) return "give createDevice an enrolmentToken";
  return token.fleet === enrolment.fleet
    ? null
    : `its token is of fleet ${token.fleet}, give createDevice one of fleet ${enrolment.fleet}`;
}

/**
 * What an enrolled device waits for that the broker keeps refusing; null while it is not refused, or was not often enough to
 * mean it.
 */
export function refusedWords(state: DeviceState, settings: HubSettings): string | null {
  const { refusedCount } = state.enrolmentProgress;
  if (refusedCount < CONNECT_REFUSALS_MAX) return null;
  return `the broker has refused this device ${refusedCount} times in a row, its hub may not know it any more; ${
    missing(state, settings) ?? "it asks again for its place with its token"
  }`;
}

/**
 * The broker has refused the name or credential of an enrolled device.
 *
 * Nobody vouches for that, so nothing is thrown away for it: the device asks under its old key and name, and keeps its credential
 * until a grant is here that the hub has signed. Whoever can only refuse connections gains one more question an hour.
 */
export function connectionRefused(transition: Transition, purpose: LinkPurpose): void {
  const { state, context } = transition;
  const { enrolment } = state.kept;
  if (enrolment.phase !== "enrolled") return;
  if (purpose === "enrol") {
    change(transition, {
      enrolmentProgress: { ...state.enrolmentProgress, refusal: tokenRefused },
    });
    return;
  }
  const refusedCount = state.enrolmentProgress.refusedCount + 1;
  change(transition, { enrolmentProgress: { ...state.enrolmentProgress, refusedCount } });
  if (refusedCount === CONNECT_REFUSALS_MAX) {
    noteRefusal(transition, "enrolment", {
      code: "device.unknown",
      message: refusedWords(transition.state, hubOf(context)) ?? "",
    });
  }
  const { renewAtMs } = state.enrolmentProgress;
  const isDue = refusedCount >= CONNECT_REFUSALS_MAX && context.nowMs >= renewAtMs;
  if (!isDue || missing(state, hubOf(context)) !== null) return;
  const { cryptography } = hubOf(context);
  const text = new TextEncoder().encode(`attune/v1/renewal\0${context.nowMs}\0`);
  const nonce = cryptography.sha256(Uint8Array.of(...text, ...enrolment.seed)).subarray(0, 16);
  change(transition, {
    enrolmentProgress: {
      ...transition.state.enrolmentProgress,
      renewal: toHex(nonce),
      renewAtMs: context.nowMs + RENEWAL_PAUSE_MS,
    },
  });
}
