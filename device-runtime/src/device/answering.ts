// Answers windows. It must not wait for any machine: what answers is decided elsewhere.
import type { ModelVersion } from "@attune/protocol";
import type { CoreEvent } from "../core/events.ts";
import { isAboveThreshold } from "../core/ood/conformalThreshold.ts";
import type { DeviceState } from "../core/state.ts";
import type { DataFinding } from "../core/validation/dataValidator.ts";
import { inseparableFrom } from "../package/leaveOneOut.ts";
import type { OodJudge } from "../package/oodJudge.ts";
import { windowLength } from "../package/preprocessing.ts";
import { largestIndex, softmaxInto } from "../package/softmax.ts";
import type { Answer } from "./device.ts";
import type { HeldVersion } from "./heldVersions.ts";
import { InputRefused } from "./inputRefused.ts";
import { layerOf } from "./layerOf.ts";
import type { OpenUser, OpenUsers } from "./openUsers.ts";
import type { UserSession } from "./userSession.ts";

/** What answering needs of the rest of a device. */
export interface AnsweringParts {
  readonly state: () => DeviceState;
  readonly now: () => number;
  /** What answers. */
  readonly serving: () => HeldVersion;
  readonly users: OpenUsers;
  /** Opens a user who is not open yet. */
  readonly open: (user: string) => Promise<OpenUser>;
  readonly nextPredictionId: () => string;
  /** Something happened that nobody waits for. */
  readonly send: (event: CoreEvent) => void;
  /** Something happened that an answer depends on; resolves when it was acted on. */
  readonly settle: (event: CoreEvent) => Promise<void>;
  /** An answer is in memory only. */
  readonly onAnswer: () => void;
}

/** Answers. */
export interface Answering {
  answer(user: string, window: Float32Array): Promise<Answer>;
}

/** Creates the answering part of a device. */
export function createAnswering(parts: AnsweringParts): Answering {
  const { state, now, serving, users } = parts;

  /** NaN for finite input: a user's own parameters go; a version that bakes is left. Returns when another one may be asked. */
  async function failed(user: string, version: ModelVersion, isPersonal: boolean): Promise<void> {
    const digest = state().users[user]?.layer?.digest;
    const message = `${version.slice(0, 8)} answered a finite window with NaN or infinity`;
    await parts.settle(
      isPersonal && digest !== undefined
        ? { type: "layerFailed", user, digest, reason: message }
        : {
            type: "versionFailed",
            version,
            code: "model.output_not_finite",
            message,
            isLoadable: true,
          },
    );
    const hasChanged =
      serving().slot.version !== version ||
      (isPersonal && state().users[user]?.layer?.digest !== digest);
    if (!hasChanged) throw new InputRefused({ code: "model.output_not_finite", message });
  }

  /** Remembers an answer for its feedback, and lets the monitors and the business rules see it. */
  function note(
    session: UserSession,
    seen: {
      readonly id: string;
      readonly window: Float32Array;
      readonly judge: OodJudge;
      readonly answer: number;
      /** Among all people: what is unusual for this person is another matter. */
      readonly isOutlier: boolean;
      readonly confidence: number;
    },
  ): void {
    const { id, window, judge, answer, isOutlier, confidence } = seen;
    const { user } = session;
    session.answered.predictions += 1;
    if (isOutlier) session.answered.outliers += 1;
    session.addPending({ id, window: window.slice(), answer, atMs: now() });
    const alarms = session.monitors.observePrediction({ isOutlier, confidence });
    if (alarms !== null) {
      session.checks.noteAlarms(alarms, now());
      parts.send({ type: "alarmRaised", user, alarms });
    }
    const alarm = session.checks.watch(window, judge, answer, confidence, now());
    if (alarm !== null) parts.send({ type: "featuresDrifted", user, alarm });
    const violations = session.checks.rules.observe(answer);
    if (violations !== null) parts.send({ type: "rulesBroken", user, violations });
    parts.onAnswer();
  }

  /** Looks at the data of a window once its shape and numbers are right. A sensor that stays wrong is told once. */
  function quarantineOf(
    session: UserSession,
    id: string,
    window: Float32Array,
  ): DataFinding | null {
    const { checks, user } = session;
    const finding = checks.data.check(window);
    if (checks.isNews(finding) && finding !== null) {
      parts.send({ type: "dataQuarantined", user, finding });
    }
    if (finding !== null) session.addQuarantined(id);
    return finding;
  }

  return {
    async answer(user, window) {
      const { session } = users.all.get(user) ?? (await parts.open(user));
      const predictionId = parts.nextPredictionId();
      // Once a window, also when another version has to answer it again.
      let quarantine: DataFinding | null | undefined;
      for (;;) {
        const { slot, loaded, judge } = serving();
        const { preprocessing, calibration } = loaded.modelPackage;
        checkWindow(window, windowLength(preprocessing));
        if (quarantine === undefined) quarantine = quarantineOf(session, predictionId, window);
        const classCount = preprocessing.labels.length;
        const layer = layerOf(state(), users, user, slot.version);
        const logits = new Float32Array(classCount);
        const features = new Float32Array(loaded.featureCount);
        // Everything is asked before anything is waited for: a version that is replaced meanwhile is let go of after that, not before.
        const answering = [loaded.answer(window, 1, layer, { logits, features })];
        let sharedLogits = logits;
        if (layer !== null && (!loaded.areFeaturesShared || judge.readsLogits)) {
          // The profile is of the shared model; a user's own may lie elsewhere and mean no harm.
          sharedLogits = new Float32Array(classCount);
          answering.push(loaded.answer(window, 1, null, { logits: sharedLogits, features }));
        }
        await Promise.all(answering);
        if (!logits.every(Number.isFinite) || !features.every(Number.isFinite)) {
          await failed(user, slot.version, layer !== null);
          continue;
        }
        const probabilities = new Float32Array(classCount);
        softmaxInto(logits, 0, classCount, calibration.temperature, probabilities, 0);
        const answer = largestIndex(logits, 0, classCount);
        const score = judge.score(window, 0, features, 0, sharedLogits, 0);
        const confidence = probabilities[answer] as number;
        const { alpha, threshold, leaveOneOut } = calibration.ood;
        // Whoever was erased while the model computed stays erased, and unsound data says nothing about the person.
        const isKept = quarantine === null && users.all.get(user)?.session === session;
        const pValue = isKept ? session.checks.calibration.observe(score) : null;
        const isOutlier = pValue === null ? isAboveThreshold(score, threshold) : pValue <= alpha;
        if (isKept) {
          const isUnusual = isAboveThreshold(score, threshold);
          const id = predictionId;
          note(session, { id, window, judge, answer, isOutlier: isUnusual, confidence });
        }
        return {
          label: preprocessing.labels[answer] as string,
          probabilities,
          ood: {
            score,
            pValue,
            isOutlier,
            inseparableFrom: inseparableFrom(leaveOneOut, answer).map(
              (label) => preprocessing.labels[label] as string,
            ),
          },
          isAbstained:
            quarantine !== null || isOutlier || confidence < calibration.abstention.confidenceMin,
          quarantine,
          predictionId,
          modelVersion: slot.version,
          isPersonal: layer !== null,
        };
      }
    },
  };
}

function checkWindow(window: Float32Array, length: number): void {
  if (window.length !== length) {
    throw new InputRefused({
      code: "input.shape_mismatch",
      message: `the window has ${window.length} values, the model takes ${length}; see the package's preprocessing`,
    });
  }
  if (!window.every(Number.isFinite)) {
    throw new InputRefused({
      code: "input.not_finite",
      message: "the window holds NaN or infinity; leave it out, or mend the sensor",
    });
  }
}
