// Everything that a device does with one window beside the network, in the order of an answer, out of the parts that it does it with. It
// must not time anything.
import { createOodInput, defaultOodInput, type Preprocessing } from "@attune/device-runtime/model";
import {
  conformalThreshold,
  createBusinessRules,
  createDataValidator,
  createMahalanobisScorer,
  createOodScorer,
  createProfile,
  createUserCalibration,
  createUserDrift,
  createUserMonitors,
  createWindowStatistics,
  type DataRules,
  defaultMonitorPolicy,
  fitFeatureReference,
  fitMahalanobis,
  fitOodProfile,
  measurePopulation,
  type ProfileLayout,
  quantileEdges,
} from "@attune/device-runtime/monitor";
import { createSeededRandom, type ForkableRandom } from "@attune/device-runtime/testing";
import { unwrap } from "@attune/protocol";
import { haptLayout } from "../drift/haptWindows.ts";

const channelCount = 6;
const windowSamples = 128;
const windowSize = channelCount * windowSamples;
const networkFeatureCount = 32;
const labels = ["one", "two", "three", "four", "five", "six"];
const classCount = labels.length;
const profileBins = 10;
/** Different windows that are gone through again and again: more than fit the caches' luck. */
export const windowCount = 512;

const channelNames = ["acc-x", "acc-y", "acc-z", "gyro-x", "gyro-y", "gyro-z"];
const preprocessing: Preprocessing = {
  labels,
  channels: channelNames.map((name) => ({ name, offset: 0, scale: 1 })),
  windowSamples,
  hopSamples: windowSamples / 2,
  sampleRateHz: 50,
  layout: "channelsFirst",
};

/** Every check that a channel can have. */
const dataRules: DataRules = {
  channels: channelNames.map((channel) => ({
    channel,
    range: { min: -16, max: 16 },
    missing: { value: -9999, shareMax: 0.1 },
    stuckSamples: 64,
    saturation: { low: -16, high: 16, shareMax: 0.05 },
  })),
  duplicateMemory: 64,
  gapMsMax: 1000,
};

/** Everything that is watched of one user; one call a window. */
export interface Watch {
  observe(window: number): unknown;
  /** Plain states, as they are saved. */
  state(): unknown;
}

/** Windows of six movements that differ in level and in liveliness, and what a network might make of them. */
interface SeenWindows {
  /** `(6, 128)` each. */
  readonly windows: readonly Float32Array[];
  /** `(windowCount, 32)`. */
  readonly networkFeatures: Float32Array;
  readonly labels: Uint8Array;
}

function gaussian(random: ForkableRandom): number {
  const unit = (): number => (random.nextUint32() + 0.5) / 2 ** 32;
  return Math.sqrt(-2 * Math.log(unit())) * Math.cos(2 * Math.PI * unit());
}

function drawWindows(random: ForkableRandom): SeenWindows {
  const labelOf = (window: number): number => Math.floor(window / 12) % classCount;
  const windows = Array.from({ length: windowCount }, (_, window) =>
    Float32Array.from({ length: windowSize }, (_value, at) => {
      const label = labelOf(window);
      const channel = Math.floor(at / windowSamples);
      const level = Math.sin(1 + label * channelCount + channel);
      return level + 0.1 * (1 + ((label + channel) % classCount)) * gaussian(random);
    }),
  );
  const networkFeatures = Float32Array.from(
    { length: windowCount * networkFeatureCount },
    (_, at) => {
      const label = labelOf(Math.floor(at / networkFeatureCount));
      const middle = 1 + Math.sin(label * networkFeatureCount + (at % networkFeatureCount));
      // As behind a rectifier.
      return Math.max(0, middle + 0.3 * gaussian(random));
    },
  );
  return {
    windows,
    networkFeatures,
    labels: Uint8Array.from({ length: windowCount }, (_, window) => labelOf(window)),
  };
}

/** The parts, each by itself and all together. */
export interface DeviceWindow {
  readonly statistics: Watch;
  readonly validation: Watch;
  readonly mahalanobis: Watch;
  readonly score: Watch;
  readonly calibration: Watch;
  readonly features: Watch;
  readonly profile: Watch;
  /** Score, calibration, alarms, rules and profile. */
  readonly watched: Watch;
  /** That, behind every data rule that a channel can have. */
  readonly all: Watch;
}

/** Makes references of drawn windows, and what a device watches them with: every default, and every data rule that a channel can have. */
export function createDeviceWindow(): DeviceWindow {
  const seen = drawWindows(createSeededRandom("windows"));
  const spec = defaultOodInput(preprocessing, networkFeatureCount);
  const input = createOodInput(spec, preprocessing, networkFeatureCount);
  const scored = new Float32Array(windowCount * input.length);
  seen.windows.forEach((window, at) => {
    input.fill(
      window,
      0,
      seen.networkFeatures,
      at * networkFeatureCount,
      scored,
      at * input.length,
    );
  });
  const profileOfKnown = unwrap(
    fitOodProfile(
      {
        dimension: input.length,
        classCount,
        features: scored,
        logits: new Float32Array(windowCount * classCount),
        labels: seen.labels,
      },
      { kind: "combined" },
      createSeededRandom("profile"),
    ),
  );
  const scorer = createOodScorer(profileOfKnown);
  const scores = Float64Array.from(seen.windows, (_, at) =>
    scorer.score(scored, at * input.length),
  );
  const alpha = 0.05;
  const { threshold } = conformalThreshold(scores, alpha);
  const population = measurePopulation(
    scores,
    seen.windows.map((_, at) => at % 4),
  );
  const statistics = createWindowStatistics({
    channelCount,
    windowSamples,
    layout: "channelsFirst",
    vectors: spec.vectors,
  });
  const described = new Float64Array(statistics.length);
  const rows = seen.windows.map((window) => {
    const row = new Float64Array(statistics.length);
    statistics.describe(window, 0, row, 0);
    return row;
  });

  const validator = createDataValidator(dataRules, {
    channelNames,
    windowSamples,
    layout: "channelsFirst",
    sampleRateHz: 50,
  });
  const calibration = createUserCalibration(population, alpha);
  const monitors = createUserMonitors({
    ...defaultMonitorPolicy,
    reference: { errorRate: 0.1, outlierShare: 0.05, confidence: 0.9 },
  });
  const confidence = 0.95;
  const people = [0, 1, 2].map(() => ({
    features: rows.flatMap((row) => [...row]),
    predictedClasses: seen.labels,
  }));
  const drift = createUserDrift(
    {
      features: unwrap(fitFeatureReference(people, { layout: haptLayout, classCount })),
      errors: { threshold: 0.6, errorRate: 0.1, confidence: 0.9 },
    },
    defaultMonitorPolicy,
  );
  const rules = createBusinessRules(
    [
      { kind: "duration", name: "no rest", label: "one", windowsMax: 4096 },
      { kind: "rate", name: "mix", label: "two", windows: 4096, shareMin: 0, shareMax: 0.9 },
      { kind: "transition", name: "no leap", from: "one", to: "four" },
    ],
    labels,
  );
  const layout: ProfileLayout = {
    edges: Array.from({ length: statistics.length }, (_, index) =>
      quantileEdges(
        rows.map((row) => row[index] as number),
        profileBins,
      ),
    ),
    classCount,
  };
  const profile = createProfile(layout);
  const looked = new Float32Array(input.length);
  const answer = { isOutlier: false, confidence };

  // Where numbers end: handed out as they are, each would be made anew by the bench itself.
  const found = new Float64Array(1);
  const clock = new Float64Array(1);

  /** Leaves the score of a window in the cell. */
  function judge(at: number): void {
    input.fill(
      seen.windows[at] as Float32Array,
      0,
      seen.networkFeatures,
      at * networkFeatureCount,
      looked,
      0,
    );
    found[0] = scorer.score(looked, 0);
  }

  function tick(): void {
    clock[0] = (clock[0] as number) + 1280;
  }

  /** Leaves the p-value of the score in the cell. */
  function calibrate(): void {
    answer.isOutlier = (found[0] as number) > threshold;
    found[0] = calibration.observe(found[0] as number);
  }

  /** One sound window, from its score to its profile. */
  function watch(at: number): void {
    const label = seen.labels[at] as number;
    judge(at);
    calibrate();
    monitors.observePrediction(answer);
    const watched = input.statistics as Float64Array;
    drift.observe(watched, label, confidence, clock[0] as number);
    rules.observe(label);
    profile.observe(watched, label);
  }
  const watchedStates = (): readonly unknown[] => [
    calibration.state(),
    monitors.state(),
    drift.state(),
    rules.state(),
    { ...profile.profile(), layout: null },
  ];

  const mahalanobis = createMahalanobisScorer(
    unwrap(
      fitMahalanobis(
        rows.flatMap((row) => [...row]),
        seen.labels,
        { dimension: statistics.length, classCount },
      ),
    ),
  );
  const nothing = (): null => null;
  return {
    statistics: {
      observe: (at) => statistics.describe(seen.windows[at] as Float32Array, 0, described, 0),
      state: nothing,
    },
    validation: {
      observe: (at) => validator.check(seen.windows[at] as Float32Array),
      state: () => validator.state(),
    },
    mahalanobis: {
      observe(at) {
        found[0] = mahalanobis.score(rows[at] as Float64Array);
      },
      state: nothing,
    },
    score: {
      observe: judge,
      state: nothing,
    },
    calibration: {
      observe(at) {
        found[0] = calibration.observe(scores[at] as number);
      },
      state: () => calibration.state(),
    },
    features: {
      observe: (at) =>
        drift.observe(rows[at] as Float64Array, seen.labels[at] as number, confidence, at),
      state: () => drift.state(),
    },
    profile: {
      observe: (at) => profile.observe(rows[at] as Float64Array, seen.labels[at] as number),
      // The bins' edges are the reference's and shared by all users.
      state: () => ({ ...profile.profile(), layout: null }),
    },
    watched: {
      observe(at) {
        tick();
        watch(at);
      },
      state: watchedStates,
    },
    all: {
      observe(at) {
        tick();
        validator.checkGap(windowSamples / 2, clock[0] as number);
        validator.check(seen.windows[at] as Float32Array);
        watch(at);
      },
      state: () => [validator.state(), ...watchedStates()],
    },
  };
}
