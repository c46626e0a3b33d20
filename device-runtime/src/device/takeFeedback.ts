// Takes the truth about an answer: everybody answers the window again, and what comes of it is told to the core. It must not learn.
import { accept, type Outcome, refuse } from "@attune/protocol";
import type { CoreEvent } from "../core/events.ts";
import type { ScoredAnswer } from "../core/learn/localGuard.ts";
import type { Comparison } from "../core/slots/comparisonState.ts";
import type { DeviceState } from "../core/state.ts";
import { type Contestant, scoreAnswers } from "./comparePairs.ts";
import type { FeedbackReport } from "./device.ts";
import type { HeldVersion, HeldVersions } from "./heldVersions.ts";
import { layerOf } from "./layerOf.ts";
import type { OpenUser, OpenUsers } from "./openUsers.ts";
import type { LabelledWindow } from "./userSession.ts";

/** What feedback needs of the rest of a device. */
export interface FeedbackParts {
  readonly state: () => DeviceState;
  readonly now: () => number;
  /** What answers. */
  readonly serving: () => HeldVersion;
  readonly held: HeldVersions;
  readonly users: OpenUsers;
}

/** The comparison that runs, while the version that does not answer is loaded. */
function runningComparison(
  state: DeviceState,
  held: HeldVersions,
): (Comparison & { readonly rival: HeldVersion }) | null {
  const { current } = state.kept.comparison;
  const rival = current === null ? undefined : held.get(current.other);
  return current === null || rival === undefined || state.shadow?.phase !== "ready"
    ? null
    : { ...current, rival };
}

/** Takes a feedback. Inside the lane only: everybody answers before anybody learns. */
export async function takeFeedback(
  { state, now, serving, held, users }: FeedbackParts,
  open: OpenUser,
  predictionId: string,
  label: string,
): Promise<{ readonly outcome: Outcome<FeedbackReport>; readonly events: readonly CoreEvent[] }> {
  const { session, layers } = open;
  const { user } = session;
  const { slot, loaded } = serving();
  const { labels } = loaded.modelPackage.preprocessing;
  const truth = labels.indexOf(label);
  const none = { events: [] };
  if (truth < 0) {
    const message = `"${label}" is not one of the model's labels: ${labels.join(", ")}`;
    return { outcome: refuse("feedback.label_unknown", message), ...none };
  }
  const pending = session.pending(predictionId);
  const before = state().users[user];
  if (session.isQuarantined(predictionId)) {
    const message = `the data of prediction ${predictionId} was not sound; nothing is learned from it, feedback is not needed`;
    return { outcome: refuse("feedback.window_quarantined", message), ...none };
  }
  if (pending === undefined || before === undefined) {
    const message = `prediction ${predictionId} is not remembered: it is too old, or has had its feedback`;
    return { outcome: refuse("feedback.prediction_unknown", message), ...none };
  }
  const sample: LabelledWindow = { x: pending.window, label: truth, atMs: now() };
  const scored = async (who: Contestant): Promise<ScoredAnswer> =>
    (await scoreAnswers(who, [sample]))[0] as ScoredAnswer;

  const shared = await scored({ loaded, parameters: null });
  const layer = layerOf(state(), users, user, slot.version);
  const personal = layer === null ? shared : await scored({ loaded, parameters: layer });
  const trained =
    before.challenger?.base === slot.version ? layers.get(before.challenger.digest) : undefined;
  const challenger = trained === undefined ? null : await scored({ loaded, parameters: trained });

  const events: CoreEvent[] = [];
  const compared = runningComparison(state(), held);
  if (compared?.phase === "counting") {
    const { champion, challenger: newer, rival } = compared;
    const { isRight } = await scored({ loaded: rival.loaded, parameters: null });
    const isNewerServing = newer === slot.version;
    events.push({
      type: "pairsScored",
      champion,
      challenger: newer,
      from: "feedback",
      pairs: [
        {
          challengerCorrect: isNewerServing ? shared.isRight : isRight,
          championCorrect: isNewerServing ? isRight : shared.isRight,
        },
      ],
    });
  }
  const wasCorrect = pending.answer === truth;
  const alarms = session.monitors.observeFeedback(wasCorrect);
  const kept = session.takeFeedback(
    pending,
    truth,
    before.feedbackCount,
    sample.atMs,
    before.job !== null,
  );
  events.push({
    type: "feedbackScored",
    user,
    scored: {
      wasCorrect,
      serving: personal,
      shared,
      challenger,
      samples: {
        sampleCount: session.replay.count,
        classCount: [...session.replay.labelCounts()].filter((count) => count > 0).length,
      },
    },
  });
  session.checks.noteFeedback();
  if (alarms !== null) {
    session.checks.noteAlarms(alarms, sample.atMs);
    events.push({ type: "alarmRaised", user, alarms });
  }
  return { outcome: accept({ wasCorrect, kept }), events };
}
