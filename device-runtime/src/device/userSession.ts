// One user's samples and monitors, and the journal that they and the user's state are kept in. It must not decide anything.
import { type Digest, decodeCbor, encodeCbor, unwrap } from "@attune/protocol";
import { splitFeedback } from "../core/learn/splitFeedback.ts";
import type { UserState } from "../core/learning/userState.ts";
import { FEEDBACK_WAITING_MAX, RECENT_FEEDBACK_MAX } from "../core/limits.ts";
import {
  createUserMonitors,
  type MonitorState,
  type UserMonitors,
} from "../core/monitor/userMonitors.ts";
import {
  createReplayBuffer,
  type ReplayBuffer,
  type ReplayState,
} from "../core/replay/replayBuffer.ts";
import type { ModelPackage } from "../package/modelPackage.ts";
import { isSameTask, type Preprocessing, windowLength } from "../package/preprocessing.ts";
import type { ForkableRandom } from "../ports/random.ts";
import type { Storage } from "../ports/storage.ts";
import { type Journal, openJournal } from "../storage/journal.ts";
import { fileNames } from "./files.ts";
import { createUserChecks, type UserChecks, type UserChecksState } from "./userChecks.ts";

/** An answer that may still get its truth. */
export interface PendingAnswer {
  readonly id: string;
  /** Raw units. */
  readonly window: Float32Array;
  /** Class that was answered. */
  readonly answer: number;
  readonly atMs: number;
}

/** Where a feedback went. */
export type FeedbackPlace = "train" | "holdout" | "gap" | "waiting" | "full";

/** A labelled window; immutable. */
export interface LabelledWindow {
  readonly x: Float32Array;
  readonly label: number;
  readonly atMs: number;
}

/** A labelled window with its place in the order of feedback. */
export interface RecentFeedback extends LabelledWindow {
  readonly feedbackIndex: number;
  readonly place: FeedbackPlace;
}

/** What is written about one user. */
type UserRecord =
  | { readonly kind: "answer"; readonly pending: PendingAnswer }
  | {
      readonly kind: "feedback";
      readonly id: string;
      readonly label: number;
      readonly atMs: number;
      readonly feedbackIndex: number;
      readonly place: FeedbackPlace;
    }
  /** What waited while a job trained goes into the replay buffer now. */
  | { readonly kind: "waitingReleased" }
  /** Windows of this kind from here on: nothing that was collected before can be used any more. */
  | { readonly kind: "task"; readonly task: SessionTask }
  | {
      readonly kind: "state";
      readonly state: UserState;
      readonly monitors: MonitorState;
      readonly checks: UserChecksState;
    };

/** What samples are and how many are kept. Written down, so that the same records always rebuild the same buffers. */
interface SessionTask {
  readonly preprocessing: Preprocessing;
  readonly replayBytesMax: number;
  readonly pendingMax: number;
}

/** Everything about one user, for a journal's snapshot. */
interface UserSnapshot {
  readonly format: number;
  readonly state: UserState | null;
  readonly monitors: MonitorState | null;
  readonly checks: UserChecksState | null;
  readonly task: SessionTask;
  readonly replay: ReplayState;
  readonly holdout: ReplayState;
  readonly pending: readonly PendingAnswer[];
  readonly recent: readonly RecentFeedback[];
  readonly waiting: readonly LabelledWindow[];
}

const USER_FORMAT = 1;

/** Of the memory for samples, this much is for training; the rest is held out. */
const REPLAY_SHARE = 0.8;

/** One user on this device. One owner: the device's lane. */
export interface UserSession {
  readonly user: string;
  /** What the journal held, or null for a new user. */
  readonly restored: UserState | null;
  readonly monitors: UserMonitors;
  readonly checks: UserChecks;
  readonly replay: ReplayBuffer;
  readonly holdout: ReplayBuffer;
  /** Feedback that came last, oldest first. */
  recent(): readonly RecentFeedback[];
  /** Live counts: rises with every answer, before the state knows. */
  readonly answered: { predictions: number; outliers: number };
  readonly pendingCount: number;
  pending(id: string): PendingAnswer | undefined;
  /** Notes that a window was answered and nothing of it is kept; the oldest note goes when there are too many. Not kept over a restart. */
  addQuarantined(id: string): void;
  isQuarantined(id: string): boolean;
  /** Remembers an answer; the oldest one goes when there are too many. Durable with the next commit. */
  addPending(pending: PendingAnswer): void;
  /** Uses an answer's truth. `isTraining`: a job reads the replay buffer, which must not change meanwhile. */
  takeFeedback(
    pending: PendingAnswer,
    label: number,
    feedbackIndex: number,
    atMs: number,
    isTraining: boolean,
  ): FeedbackPlace;
  /** Puts what waited into the replay buffer. */
  releaseWaiting(): void;
  /** Windows mean something else from now on. */
  follow(modelPackage: ModelPackage): void;
  /** Notes a new state, and the monitors with it; durable with the next commit. */
  note(state: UserState): void;
  /** Whether anything is noted that is not durable. */
  readonly isDirty: boolean;
  commit(): Promise<void>;
}

/** What opening a user takes. */
export interface UserSessionParts {
  readonly storage: Storage;
  readonly user: string;
  readonly modelPackage: ModelPackage;
  /** The user's own stream. */
  readonly random: ForkableRandom;
}

/** Opens a user's journal. */
export async function openUserSession(parts: UserSessionParts): Promise<UserSession> {
  const { storage, user, random } = parts;
  const name = fileNames.userJournal(user);
  let { learning, calibration } = parts.modelPackage;
  const taskOf = ({ preprocessing, learning: { limits } }: ModelPackage): SessionTask => ({
    preprocessing,
    replayBytesMax: limits.replayBytesMax,
    pendingMax: limits.pendingPredictionsMax,
  });
  let task = taskOf(parts.modelPackage);

  const buffer = (bytesShare: number, label: string): ReplayBuffer =>
    createReplayBuffer({
      sampleLength: windowLength(task.preprocessing),
      classCount: task.preprocessing.labels.length,
      bytesMax: Math.floor(task.replayBytesMax * bytesShare),
      random: random.fork(label),
    });
  let replay = buffer(REPLAY_SHARE, "replay");
  let holdout = buffer(1 - REPLAY_SHARE, "holdout");
  let pending = new Map<string, PendingAnswer>();
  let recent: RecentFeedback[] = [];
  let waiting: LabelledWindow[] = [];
  let restored: UserState | null = null;
  let restoredMonitors: MonitorState | null = null;
  let restoredChecks: UserChecksState | null = null;
  const quarantined = new Set<string>();

  function put(sample: LabelledWindow, where: FeedbackPlace): void {
    const { x, label, atMs } = sample;
    if (where === "train") replay.offer(x, label, atMs);
    else if (where === "holdout") holdout.offer(x, label, atMs);
    else if (where === "waiting") waiting.push(sample);
  }

  function clear(next: SessionTask): void {
    task = next;
    replay = buffer(REPLAY_SHARE, "replay");
    holdout = buffer(1 - REPLAY_SHARE, "holdout");
    pending = new Map();
    recent = [];
    waiting = [];
  }

  function keepPending(one: PendingAnswer): void {
    pending.set(one.id, one);
    while (pending.size > task.pendingMax) {
      const oldest = pending.keys().next();
      if (oldest.done) break;
      pending.delete(oldest.value);
    }
  }

  /** What a record does, when it is written and when it is read again. */
  function apply(record: UserRecord): void {
    switch (record.kind) {
      case "answer":
        keepPending(record.pending);
        return;
      case "feedback": {
        const one = pending.get(record.id);
        if (one === undefined) return;
        pending.delete(record.id);
        const { label, atMs, feedbackIndex } = record;
        const sample = { x: one.window, label, atMs };
        const { place } = record;
        recent = [...recent, { ...sample, feedbackIndex, place }].slice(-RECENT_FEEDBACK_MAX);
        put(sample, place);
        return;
      }
      case "waitingReleased": {
        const released = waiting;
        waiting = [];
        for (const sample of released) put(sample, "train");
        return;
      }
      case "task":
        clear(record.task);
        return;
      case "state":
        restored = record.state;
        restoredMonitors = record.monitors;
        restoredChecks = record.checks;
    }
  }

  const opened = await openJournal(storage, name);
  let journal: Journal = opened.journal;
  if (opened.snapshot !== null) {
    const snapshot = unwrap(decodeCbor(opened.snapshot)) as UserSnapshot;
    restored = snapshot.state;
    restoredMonitors = snapshot.monitors;
    restoredChecks = snapshot.checks;
    clear(snapshot.task);
    replay.restore(snapshot.replay);
    holdout.restore(snapshot.holdout);
    pending = new Map(snapshot.pending.map((one) => [one.id, one]));
    recent = [...snapshot.recent];
    waiting = [...snapshot.waiting];
  }
  for (const bytes of opened.records) apply(unwrap(decodeCbor(bytes)) as UserRecord);

  const monitors = createUserMonitors(
    { ...learning.monitor, reference: calibration.reference },
    restoredMonitors ?? undefined,
  );
  const checks = createUserChecks(parts.modelPackage, restoredChecks ?? undefined);
  let state: UserState | null = restored;
  let isDirty = false;
  let isBroken = false;

  function write(record: UserRecord): void {
    isDirty = true;
    if (isBroken) return;
    try {
      journal.append(encodeCbor(record));
    } catch {
      // Full or failed: the next commit writes everything anew.
      isBroken = true;
    }
  }

  const snapshot = (): Uint8Array =>
    encodeCbor({
      format: USER_FORMAT,
      state,
      monitors: monitors.state(),
      checks: checks.state(),
      task,
      replay: replay.state(),
      holdout: holdout.state(),
      pending: [...pending.values()],
      recent,
      waiting,
    } satisfies UserSnapshot);

  const session: UserSession = {
    user,
    restored,
    monitors,
    checks,
    get replay() {
      return replay;
    },
    get holdout() {
      return holdout;
    },
    recent: () => recent,
    answered: {
      predictions: restored?.counts.predictions ?? 0,
      outliers: restored?.counts.outliers ?? 0,
    },
    get pendingCount() {
      return pending.size;
    },
    pending: (id) => pending.get(id),
    addQuarantined(id) {
      quarantined.add(id);
      for (const oldest of quarantined) {
        if (quarantined.size <= task.pendingMax) break;
        quarantined.delete(oldest);
      }
    },
    isQuarantined: (id) => quarantined.has(id),
    addPending(one) {
      const record: UserRecord = { kind: "answer", pending: one };
      write(record);
      apply(record);
    },
    takeFeedback(one, label, feedbackIndex, atMs, isTraining) {
      const split = splitFeedback(learning.fineTune.holdout, feedbackIndex);
      const where: FeedbackPlace =
        split !== "train" || !isTraining
          ? split
          : waiting.length < FEEDBACK_WAITING_MAX
            ? "waiting"
            : "full";
      const record: UserRecord = {
        kind: "feedback",
        id: one.id,
        label,
        atMs,
        feedbackIndex,
        place: where,
      };
      write(record);
      apply(record);
      return where;
    },
    releaseWaiting() {
      if (waiting.length === 0) return;
      const record: UserRecord = { kind: "waitingReleased" };
      write(record);
      apply(record);
    },
    follow(next) {
      ({ learning, calibration } = next);
      monitors.useReference(calibration.reference);
      checks.follow(next);
      if (isSameTask(task.preprocessing, next.preprocessing)) return;
      const record: UserRecord = { kind: "task", task: taskOf(next) };
      write(record);
      apply(record);
    },
    note(next) {
      state = next;
      write({
        kind: "state",
        state: next,
        monitors: monitors.state(),
        checks: checks.state(),
      });
    },
    get isDirty() {
      return isDirty;
    },
    async commit() {
      if (!isDirty) return;
      isDirty = false;
      try {
        if (isBroken) journal = (await openJournal(storage, name)).journal;
        if (isBroken || journal.wantsCompaction) await journal.compact(snapshot());
        else await journal.commit();
        isBroken = false;
      } catch (error) {
        isBroken = true;
        isDirty = true;
        throw error;
      }
    },
  };
  if (opened.snapshot === null && opened.records.length === 0) {
    write({ kind: "task", task });
  } else {
    session.follow(parts.modelPackage);
  }
  return session;
}

/** Digests of the parameters that a user's state refers to. */
export function neededParameters(state: UserState): ReadonlySet<Digest> {
  const layers = [
    state.layer,
    state.challenger,
    state.contribution?.layer ?? null,
    ...state.parked.map(({ layer }) => layer),
  ];
  const digests = new Set<Digest>();
  for (const layer of layers) if (layer !== null) digests.add(layer.digest);
  if (state.job?.from) digests.add(state.job.from);
  return digests;
}
