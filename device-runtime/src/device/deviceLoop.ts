// The loop of a device: event, step, disk, act; one at a time. It must not know what an event means or an effect does.

import type { Effect } from "../core/effects.ts";
import type { CoreEvent } from "../core/events.ts";
import { step } from "../core/machine.ts";
import type { Notice } from "../core/notices.ts";
import type { DeviceState, KeptState } from "../core/state.ts";
import type { CoreSettings } from "../core/transition.ts";
import type { Learning } from "../package/learning.ts";
import type { Clock, Timer } from "../ports/clock.ts";
import { type Random, uniform } from "../ports/random.ts";
import type { DeviceJournal } from "./deviceJournal.ts";
import type { Lane } from "./lane.ts";

/** How long to wait before a step that failed, as storage may, is tried again. */
const RETRY_MS = 5_000;

/** Events for the app that wait while storage does not work; older ones go. */
const HELD_NOTICES_MAX = 1_024;

/** What the loop is made of. The functions are called inside the lane. */
export interface DeviceLoopParts {
  readonly state: DeviceState;
  readonly settings: () => CoreSettings;
  readonly journal: DeviceJournal;
  readonly lane: Lane;
  readonly clock: Clock;
  readonly jitter: Random;
  /** Of the version that answers. */
  readonly learning: () => Learning;
  /** What has been counted outside the loop since the last step. */
  readonly counted: (state: DeviceState) => readonly CoreEvent[];
  /** A user's state has changed in memory. */
  readonly noteUsers: (before: DeviceState["users"], after: DeviceState["users"]) => void;
  /** Makes the users' journals durable. */
  readonly commitUsers: () => Promise<void>;
  /** The state is durable: whatever answers follows it. */
  readonly follow: () => Promise<void>;
  readonly emit: (notice: Notice) => void;
  /** These effects should be going on. */
  readonly reconcile: (effects: readonly Effect[]) => void;
  /** Makes the files those that the state speaks of. */
  readonly tidy: () => Promise<void>;
}

/** A running loop. */
export interface DeviceLoop {
  readonly state: DeviceState;
  /** Milliseconds that never fall: a machine whose clock is set back must not wait for years. */
  now(): number;
  /** Takes a user's state in that was read from disk. */
  restoreUser(user: string, state: DeviceState["users"][string]): void;
  /** Takes steps in memory; they become durable with the next `apply`. Inside the lane only. */
  advance(...events: readonly CoreEvent[]): void;
  /**
   * Takes steps, makes them durable, acts on them. Inside the lane only.
   *
   * @throws what the storage throws; the steps stay in memory, and everything is written again by itself
   */
  apply(...events: readonly CoreEvent[]): Promise<void>;
  /** `apply` from outside the lane, when there is room; storage that fails is tried again by itself. */
  send(...events: readonly CoreEvent[]): void;
  /** Writes the device's state anew, so that nothing of the past is left in its file. Inside the lane only. */
  compact(): Promise<void>;
  /** What the storage said last, or null when it works. */
  readonly storageFault: string | null;
  /** Nothing is sent or timed any more; `apply` still works. */
  stop(): void;
}

/** Creates a loop. */
export function createDeviceLoop(parts: DeviceLoopParts): DeviceLoop {
  const { journal, lane, clock } = parts;
  let state = parts.state;
  let journaled: KeptState = state.kept;
  let effects: readonly Effect[] = [];
  let deadlineMs: number | null = null;
  let notices: Notice[] = [];
  let storageFault: string | null = null;
  let isStopped = false;
  let timer: Timer | null = null;
  let retryTimer: Timer | null = null;
  let lastMs = clock.nowMs();

  function now(): number {
    lastMs = Math.max(lastMs, clock.nowMs());
    return lastMs;
  }

  function armTimer(): void {
    timer?.cancel();
    timer = null;
    const untilMs = deadlineMs;
    if (untilMs === null || isStopped) return;
    timer = clock.setTimer(Math.max(0, untilMs - lastMs), () => {
      timer = null;
      // The time has passed, whatever the clock says.
      lastMs = Math.max(lastMs, untilMs);
      send({ type: "ticked" });
    });
  }

  function advance(...events: readonly CoreEvent[]): void {
    for (const event of events) {
      const before = state.users;
      const taken = step(state, event, {
        settings: parts.settings(),
        nowMs: now(),
        jitter: uniform(parts.jitter),
        learning: parts.learning(),
      });
      state = taken.state;
      effects = taken.effects;
      deadlineMs = taken.deadlineMs;
      notices.push(...taken.notices);
      parts.noteUsers(before, state.users);
    }
    notices = notices.slice(-HELD_NOTICES_MAX);
  }

  /** The device first: what a user's journal leaves to it must be there. */
  async function persist(): Promise<void> {
    try {
      if (journaled !== state.kept) {
        const after = state.kept;
        journal.note(journaled, after);
        await journal.commit(after);
        journaled = after;
      }
      await parts.commitUsers();
      storageFault = null;
    } catch (error) {
      storageFault = error instanceof Error ? error.message : String(error);
      retryLater();
      throw error;
    }
  }

  function retryLater(): void {
    if (isStopped) return;
    retryTimer ??= clock.setTimer(RETRY_MS, () => {
      retryTimer = null;
      send();
    });
  }

  async function apply(...events: readonly CoreEvent[]): Promise<void> {
    advance(...parts.counted(state), ...events);
    await persist();
    await parts.follow();
    // Following may have shown that the active version does not load.
    await persist();
    const told = notices;
    notices = [];
    for (const notice of told) parts.emit(notice);
    if (!isStopped) parts.reconcile(effects);
    armTimer();
    await parts.tidy();
    await persist();
  }

  function send(...events: readonly CoreEvent[]): void {
    if (isStopped) return;
    // Nobody waits for this, and an unarmed timer would be the end of the device: whatever failed, it goes on.
    lane.run(() => apply(...events)).catch(retryLater);
  }

  return {
    get state() {
      return state;
    },
    get storageFault() {
      return storageFault;
    },
    now,
    advance,
    apply,
    send,
    restoreUser(user, restored) {
      state = { ...state, users: { ...state.users, [user]: restored } };
    },
    async compact() {
      const after = state.kept;
      await journal.compact(after);
      journaled = after;
    },
    stop() {
      isStopped = true;
      timer?.cancel();
      retryTimer?.cancel();
    },
  };
}
