// One virtual person with a wearable: labelled windows of inertial signals in virtual time. It must not know any device or model.
import { gaussian } from "@attune/device-runtime";
import { createSeededRandom } from "@attune/device-runtime/testing";
import { activities, labelOf } from "./activity.ts";
import { type Condition, conditionAt, type PersonChange } from "./change.ts";
import { HOP_MS, type LabelledWindow } from "./inertialWindow.ts";
import { createLimbMotion } from "./limbMotion.ts";
import { boutsOf } from "./schedule.ts";
import { createSensor } from "./sensor.ts";
import { drawTraits, type Traits } from "./traits.ts";
import { drawMounting, siteOf, type WearingPosition } from "./wearing.ts";

/** Who to create. */
export interface PersonOptions {
  /** Of the whole population. */
  readonly seed: number | string;
  /** Of this person within it: another id is another person. */
  readonly id: string;
  /** `rightWrist` without it. On either wrist it is the same person who moves; a pocket is at another limb. */
  readonly position?: WearingPosition;
  /** What happens to the person over time; nothing without it. */
  readonly changes?: readonly PersonChange[];
}

/** A person: a pure function of the options. */
export interface Person {
  readonly id: string;
  readonly position: WearingPosition;
  readonly changes: readonly PersonChange[];
  readonly traits: Traits;
  /** How much of the person's changes holds at a moment. */
  conditionAt(atMs: number): Condition;
  /**
   * Labelled windows without end, in time order; the first one starts at or after `fromMs`.
   *
   * - A window lies inside one bout, as in HAPT: what straddles two activities is skipped.
   * - A window has the same samples in every stream, wherever the stream began.
   *
   * @param fromMs virtual time, `>= 0`
   * @param everyMs the shortest time from one window's start to the next one's; without it, and below 1280, windows overlap by half. A
   *   wearable that saves its battery takes 30,000
   */
  stream(fromMs: number, everyMs?: number): Generator<LabelledWindow, void>;
  /** The first `count` windows of {@link stream}. */
  record(count: number, fromMs: number, everyMs?: number): LabelledWindow[];
}

/**
 * Creates a virtual person.
 *
 * - Same seed and id: the same person and the same signals, to the bit.
 * - `changes` alter what is read from their start on, and nothing before.
 *
 * @example
 * const anna = createPerson({ seed: 7, id: "anna", position: "leftWrist" });
 * const [first] = anna.record(1, 0);
 * first?.samples.length; // => 768
 */
export function createPerson(options: PersonOptions): Person {
  const { id, position = "rightWrist", changes = [] } = options;
  const random = createSeededRandom(options.seed).fork("people").fork(id);
  const site = siteOf(position);
  const traits = drawTraits(random.fork("traits"), site);
  const mounting = drawMounting(random.fork("mounting"), position);
  const habitDraws = random.fork("habits");
  const habits = activities.map(() => Math.exp(0.2 * gaussian(habitDraws)));

  function* stream(fromMs: number, everyMs: number = HOP_MS): Generator<LabelledWindow, void> {
    const stepHops = Math.max(1, Math.ceil(everyMs / HOP_MS));
    let nextHop = Math.ceil(fromMs / HOP_MS);
    for (const bout of boutsOf(random.fork("schedule"), habits)) {
      const lastStart = bout.firstHop + bout.hopCount - 2;
      if (lastStart < nextHop) continue;
      const motion = createLimbMotion(random.fork("motion"), traits, site, bout);
      const sensor = createSensor(
        random.fork("noise"),
        mounting,
        (hop, condition, into) => motion.writeHop(hop - bout.firstHop, condition, into),
        (hop) => conditionAt(changes, hop * HOP_MS),
      );
      const label = labelOf(bout.activity);
      nextHop = Math.max(nextHop, bout.firstHop);
      for (; nextHop <= lastStart; nextHop += stepHops) {
        const startMs = nextHop * HOP_MS;
        const samples = sensor.readWindow(nextHop);
        yield { startMs, endMs: startMs + 2 * HOP_MS, label, samples };
      }
    }
  }

  return {
    id,
    position,
    changes,
    traits,
    conditionAt: (atMs) => conditionAt(changes, atMs),
    stream,
    record(count, fromMs, everyMs) {
      const windows: LabelledWindow[] = [];
      for (const window of stream(fromMs, everyMs)) {
        if (windows.length >= count) break;
        windows.push(window);
      }
      return windows;
    },
  };
}
