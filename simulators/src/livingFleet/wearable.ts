// One person with a real device: windows in virtual time, answers, and late truth about some of them. It decides nothing.
import type { Clock, Device, DeviceEvents } from "@attune/device-runtime";
import { type ForkableRandom, uniform } from "@attune/device-runtime";
import { assertDefect } from "@attune/protocol";
import { activities } from "../people/activity.ts";
import type { LabelledWindow } from "../people/inertialWindow.ts";
import type { Person } from "../people/person.ts";
import { FEEDBACK_DELAY_MS, FEEDBACK_SHARE, WINDOW_EVERY_MS } from "./fleetRules.ts";

/** What is kept of one device for the end. */
export interface WearableTally {
  readonly alarms: number;
  readonly adopted: number;
  readonly dropped: number;
  readonly reverted: number;
  /** Digests of contributions that the hub says it has committed. */
  readonly receipted: readonly string[];
  /** Bytes of contributions, as they were put into the outbox. */
  readonly bytesSent: number;
  /** Windows that came too late to be shown, because the machine could not keep up. */
  readonly skipped: number;
}

/** Names of the events that the screen hears of. */
export type HeardEvent = "alarm" | "adopted" | "dropped" | "reverted" | "contributed" | "activated";

/** One event of a device, with its name. */
export type DeviceNews = {
  readonly [K in HeardEvent]: { readonly name: K; readonly event: DeviceEvents[K] };
}[HeardEvent];

/** A person who wears a device. */
export interface Wearable {
  readonly device: Device;
  readonly person: Person;
  /** Id of the device at the hub. */
  readonly id: string;
  /** Shows windows from the person's time `fromMs` on, until {@link stop}. */
  start(fromMs: number): void;
  /** Shows no more windows; resolves when what was shown is answered. Feedback that was still to come never comes. */
  stop(): Promise<void>;
  tally(): WearableTally;
  /** Windows that are due and not answered yet. */
  waitingCount(): number;
  /** Shows windows one after the other, without feedback. @returns which answers were right */
  answer(windows: readonly LabelledWindow[]): Promise<boolean[]>;
}

/** What a wearable is made of. */
export interface WearableParts {
  readonly device: Device;
  readonly id: string;
  readonly person: Person;
  readonly clock: Clock;
  readonly random: ForkableRandom;
  readonly onNews: (id: string, news: DeviceNews) => void;
  readonly onFault: (error: unknown) => void;
}

/** Windows that may wait when the machine is slower than the clock; the oldest is then skipped and counted. */
const WAITING_WINDOWS_MAX = 8;

/** Puts a device on a person. */
export function createWearable(parts: WearableParts): Wearable {
  const { device, id, person, clock, random, onNews } = parts;
  const user = device.user(person.id);
  const tally = { alarms: 0, adopted: 0, dropped: 0, reverted: 0, bytesSent: 0, skipped: 0 };
  const receipted: string[] = [];
  const timers = new Set<{ cancel(): void }>();
  let isRunning = false;
  let waiting: LabelledWindow[] = [];
  let working: Promise<void> | null = null;

  device.on("alarm", (event) => {
    tally.alarms += 1;
    onNews(id, { name: "alarm", event });
  });
  device.on("adopted", (event) => {
    tally.adopted += 1;
    onNews(id, { name: "adopted", event });
  });
  device.on("dropped", (event) => {
    tally.dropped += 1;
    onNews(id, { name: "dropped", event });
  });
  device.on("reverted", (event) => {
    tally.reverted += 1;
    onNews(id, { name: "reverted", event });
  });
  device.on("contributed", (event) => {
    tally.bytesSent += event.bytes;
    onNews(id, { name: "contributed", event });
  });
  device.on("activated", (event) => {
    onNews(id, { name: "activated", event });
  });
  device.on("receipted", ({ kind, outcome, digest }) => {
    if (kind === "contribution" && outcome === "committed") receipted.push(digest);
  });

  const after = (delayMs: number, act: () => void): void => {
    const timer = clock.setTimer(delayMs, () => {
      timers.delete(timer);
      act();
    });
    timers.add(timer);
  };

  async function show({ samples, label }: LabelledWindow): Promise<void> {
    const { predictionId } = await user.predict(samples);
    // Drawn for every window, so that what a person tells does not depend on what was answered.
    const tells = uniform(random) < FEEDBACK_SHARE;
    const [from, to] = FEEDBACK_DELAY_MS;
    const delayMs = from + uniform(random) * (to - from);
    if (!tells || !isRunning) return;
    after(delayMs, () => {
      user.feedback(predictionId, activities[label] as string).catch(parts.onFault);
    });
  }

  async function work(): Promise<void> {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await show(next);
    working = null;
  }

  return {
    device,
    person,
    id,
    start(fromMs) {
      assertDefect(!isRunning, "wearable.already_started", `${id} runs already`);
      isRunning = true;
      const startedAtMs = clock.nowMs();
      const stream = person.stream(fromMs, WINDOW_EVERY_MS);
      const next = (): void => {
        const { value: window } = stream.next();
        if (window === undefined) return;
        const dueMs = startedAtMs + window.endMs - fromMs;
        after(Math.max(0, dueMs - clock.nowMs()), () => {
          if (waiting.length >= WAITING_WINDOWS_MAX) {
            waiting.shift();
            tally.skipped += 1;
          }
          waiting.push(window);
          working ??= work().catch(parts.onFault);
          next();
        });
      };
      next();
    },
    async stop() {
      isRunning = false;
      for (const timer of timers) timer.cancel();
      timers.clear();
      waiting = [];
      await working;
      await device.whenIdle();
    },
    tally: () => ({ ...tally, receipted }),
    waitingCount: () => waiting.length,
    async answer(windows) {
      const right: boolean[] = [];
      for (const { samples, label } of windows) {
        const { label: answer } = await user.predict(samples);
        right.push(answer === activities[label]);
      }
      return right;
    },
  };
}
