// Every number of the living fleet, with its reason: people, pace, what devices learn by, and what the hub decides by. Data only.
import { type Learning, learningDefaults } from "@attune/device-runtime/model";
import type { LinePolicyInput } from "@attune/hub";
import type { PopulationOptions } from "../people/population.ts";

const minute = 60_000;

/** How many wearables there are when nobody says. */
export const DEVICE_COUNT = 30;
/** A canary of five has to leave somebody out. */
export const DEVICE_COUNT_MIN = 6;
/** One process predicts for all of them: more would not keep up with the clock. */
export const DEVICE_COUNT_MAX = 100;

/** Virtual time runs so many times as fast: two hours take a minute. */
export const SPEED = 120;
export const SPEED_MIN = 1;
/** Above it the 30 virtual seconds that a device waits for a broker become less than a busy machine needs to answer. */
export const SPEED_MAX = 400;

/** From one window of a person to the next, virtual: short enough for evidence, long enough for every activity to come around. */
export const WINDOW_EVERY_MS = 9_000;
/** A person tells the truth about one answer in three, */
export const FEEDBACK_SHARE: number = 1 / 3;
/** and does so this much later, virtual. */
export const FEEDBACK_DELAY_MS: readonly [number, number] = [10_000, 60_000];

/** Who wears it where, out of thirty. The model knows both wrists; pockets and loose straps it has never seen. */
const positions: PopulationOptions["positions"] = {
  rightWrist: 13,
  leftWrist: 9,
  pocket: 4,
  looseStrap: 4,
};

/**
 * What happens to people: half of them change within the first quarter of an hour. Injuries most of all: they have a common
 * pattern, so what one device learns of it helps others.
 */
export function populationOf(seed: number, count: number): PopulationOptions {
  return {
    seed,
    count,
    positions,
    changes: {
      share: 0.5,
      kinds: ["injury", "injury", "winterClothing", "strapTurned"],
      betweenMs: [3 * minute, 15 * minute],
    },
  };
}

/** People that the shared model learns from: three seconds on one core. */
export const SHARED_MODEL_PEOPLE = 36;
/** The release that leaves out the left wrist has twice as many, so it is truly better for everybody whom its makers know. */
export const LOPSIDED_MODEL_PEOPLE = 72;
/** People who calibrate a package, and people on whom the hub validates; nobody trains on them. */
export const CALIBRATION_PEOPLE = 10;
export const VALIDATION_PEOPLE = 20;
/** Windows of each of them, one a minute. */
export const CHECK_WINDOWS_PER_PERSON = 60;

/** What a device learns by; goes into the model package. */
export function learningOf(isGuarded: boolean): Learning {
  const defaults = learningDefaults();
  return learningDefaults({
    plan: {
      // The dense layer and the head, 750 numbers: enough for a new way to wear it, and a delta of a kilobyte.
      scope: { lastLayers: 2 },
      loss: { kind: "crossEntropy" },
      optimizer: { kind: "adam" },
      // Strong: what a person needs without leaving what all share, so that the mean of many is still a good model.
      pullToBase: 1,
    },
    fineTune: {
      ...defaults.fineTune,
      epochs: 40,
      // Fewer than three activities among the labels would teach it to forget the others.
      classCountMin: 3,
      sampleCountMin: 24,
    },
    trigger: {
      ...defaults.trigger,
      // A new attempt after half an hour, with as many labels again.
      rules: [
        {
          kind: "alarm",
          alarm: "errorRate",
          countMin: 1,
          withinMs: 24 * 60 * minute,
          action: "train",
        },
        { kind: "newFeedback", countMin: 60 },
      ],
      feedbackMin: 30,
      coolDownMs: 30 * minute,
    },
    // Adopts on what errs once in twenty trials: an hour of labels of somebody whose model is off by a third.
    guard: { ...defaults.guard, rule: isGuarded ? "evidence" : "always", adoptLimit: 20 },
    // Without the guard nothing is checked: that is the comparison.
    validation: isGuarded
      ? defaults.validation
      : { countMin: 0, lossesOverWinsMax: Number.MAX_SAFE_INTEGER },
    // A report every two and a half virtual minutes is about one a real second from each device: the hub hears of harm in time, and
    // signing, checking and storing 25 reports a second costs a few percent of a core.
    limits: { ...defaults.limits, reportIntervalMs: 150_000 },
  });
}

/** What the hub decides by. */
export function linePolicyOf(deviceCount: number, isGuarded: boolean): LinePolicyInput {
  return {
    window: {
      // A third of the fleet: the mean of ten personal deltas is closer to everybody than any one of them.
      quorum: Math.max(3, Math.round(deviceCount / 3)),
      // The mean of fewer than half of that is one or two people's model.
      contributionsMin: Math.max(3, Math.round(deviceCount / 6)),
      deadlineMs: 40 * minute,
    },
    intake: {
      // Personal deltas have norms of 0.3 to 1. Cut to 0.35, the mean of ten helps the fleet as much and costs the people of the
      // validation set nothing; uncut it costs them up to five points.
      clipNorm: 0.35,
    },
    gate: {
      validation: {
        // The validation set is people as they were before anything changed: they may lose what twenty people can hardly show,
        // because the devices' own comparison has the last word.
        margin: 0.04,
        // 60 windows of one person are uncertain by 13 points either way, and the two answers differ by more than that at times.
        sliceMargin: 0.3,
        // Virtual minutes are half a real second: the machine that validates is real.
        deadlineMs: 60 * minute,
      },
      shadow: {
        devicesMin: Math.min(10, Math.ceil(deviceCount / 2)),
        deadlineMs: 15 * minute,
        // What is made elsewhere is judged by the operator's validation set alone. This is the hole in the fence that the story
        // needs: the set has nobody who wears it on the left wrist.
        imported: false,
      },
      // Nobody is there to decide about "not enough evidence": the next one gets its turn.
      holdDeadlineMs: 1 * minute,
    },
    rollout: {
      canaryDevices: 6,
      // Nine of thirty, as many as wear it on the left wrist: six canaries miss them all one time in eleven, eight one time in 29.
      minorityShare: 0.3,
      // 8 devices x 25 minutes are some 400 labelled windows: they can rule out 8 points, not 2. Above it they say: hold.
      margin: 0.08,
      watchMs: 8 * minute,
      canaryDeadlineMs: 25 * minute,
      // What cannot show by then that it does no harm goes back; the default, hold, waits for a person, and nobody is there.
      atCanaryDeadline: "rollback",
      spreadDeadlineMs: 15 * minute,
      // Long enough for 25 labels from each device: harm that no canary could feel shows before it becomes the champion.
      bakeMs: 12 * minute,
    },
    guards: isGuarded ? "on" : "off",
  };
}

/** The signer's limit for aggregates, Euclidean, around the first release: some times what ten devices' mean moves. */
export const DELEGATION_NORM_MAX = 5;

/** How often the signer asks, in real milliseconds. */
export const SIGNER_EVERY_MS = 250;

/** The import comes when a candidate spreads, so that it is the next in line, or at this virtual time when none has. */
export const IMPORT_AT_MS: number = 85 * minute;
/** The story ends at this virtual time, whatever has not come by then. */
export const END_AT_MS: number = 140 * minute;
/** After the import's end the fleet has so long, virtual, to follow. */
export const SETTLE_MS: number = 10 * minute;

/** Windows of each person in the closing exam: what they do in the hours that follow, unseen by anybody. */
export const EXAM_WINDOWS = 90;
export const EXAM_EVERY_MS: number = 2 * minute;
/** Evidence that the answers now are worse than the first version's, at which a person counts as harmed. */
export const HARM_LIMIT = 20;
/** Of each of the people who show what is normal: about 25 of each activity, twice what a person's own past is taken from. */
export const CALIBRATION_WINDOWS_PER_PERSON = 150;
