// Steps of an error rate: how late each detector notices, at the same distance between false alarms. It must not read any data.
import {
  createAdwin,
  createCusum,
  createDdm,
  createEDetector,
  createEddm,
  createHddmA,
  createHddmW,
  createKswin,
  createPageHinkley,
} from "@attune/device-runtime/monitor";
import { createSeededRandom, type ForkableRandom } from "@attune/device-runtime/testing";

/** Takes one error (1) or none (0); true when it alarms. */
type Observe = (value: number) => boolean;

/** A detector with one knob: a larger setting alarms less often. */
interface TunedDetector {
  readonly name: string;
  /** Tries these, from eager to calm, geometrically between; null: its setting is a promise and is not tuned. */
  readonly settings: readonly [low: number, high: number] | null;
  create(setting: number, rateBefore: number, random: ForkableRandom): Observe;
}

function isDrift(detector: { observe(value: number): string }): Observe {
  return (value) => detector.observe(value) === "drift";
}

/** Observations between false alarms, of everybody. */
export const runLength = 10_000;

const detectors: readonly TunedDetector[] = [
  {
    name: "e-detector, promise only",
    settings: null,
    create: (_, referenceRate) => promised(referenceRate),
  },
  {
    name: "e-detector, promise only, reference +0.02",
    settings: null,
    create: (_, rate) => promised(rate + 0.02),
  },
  {
    name: "e-detector, tuned",
    settings: [10, 10_000],
    create(averageRunLengthMin, referenceRate) {
      const detector = createEDetector({ referenceRate, averageRunLengthMin });
      return (value) => detector.observe(value);
    },
  },
  {
    name: "ADWIN",
    settings: [1, 1e12],
    create: (setting) => isDrift(createAdwin({ delta: 0.5 / setting })),
  },
  {
    name: "DDM",
    settings: [1, 8],
    create: (setting) => isDrift(createDdm({ driftDeviations: setting, warningDeviations: 0.9 })),
  },
  {
    name: "EDDM",
    settings: [1.05, 20],
    create: (setting) => isDrift(createEddm({ driftRatio: 1 / setting, warningRatio: 1 })),
  },
  {
    name: "HDDM_A",
    settings: [1, 1e12],
    create: (setting) =>
      isDrift(createHddmA({ driftConfidence: 0.5 / setting, warningConfidence: 0.6 })),
  },
  {
    name: "HDDM_W",
    settings: [1, 1e12],
    create: (setting) =>
      isDrift(createHddmW({ driftConfidence: 0.5 / setting, warningConfidence: 0.6 })),
  },
  {
    name: "Page-Hinkley",
    settings: [1, 500],
    create: (driftSum) => isDrift(createPageHinkley({ driftSum })),
  },
  {
    name: "KSWIN",
    settings: [2, 1e9],
    create: (setting, _, random) => isDrift(createKswin(random, { alpha: 1 / setting })),
  },
  {
    name: "CUSUM",
    settings: [0.5, 200],
    create: (driftSum, target) =>
      isDrift(createCusum({ target, slack: 0.05, driftSum, isTwoSided: false })),
  },
];

function promised(referenceRate: number): Observe {
  const detector = createEDetector({ referenceRate, averageRunLengthMin: runLength });
  return (value) => detector.observe(value);
}

/** How one detector meets one step. */
export interface StepResult {
  readonly name: string;
  /** Observations between false alarms, measured; a lower bound when there were none. */
  readonly measuredRunLength: number;
  readonly medianDelay: number;
  /** Share of streams with a false alarm in the {@link quietLength} observations before the step. */
  readonly earlyShare: number;
  /** Share of streams whose step was not noticed within {@link delayMax}. */
  readonly missedShare: number;
}

const delayMax = 5000;
/** Observations before the step. */
const quietLength = 500;
const nullLength = 300_000;
/** A promise is measured longer, so that chance does not break it: its run length is then known to 3 %. */
const promiseLength = 10_000_000;

function draw(random: ForkableRandom, rate: number): number {
  return random.nextUint32() / 2 ** 32 < rate ? 1 : 0;
}

function measureRunLength(
  make: () => Observe,
  rate: number,
  random: ForkableRandom,
  length = nullLength,
): number {
  const observe = make();
  let alarmCount = 0;
  for (let index = 0; index < length; index++) if (observe(draw(random, rate))) alarmCount++;
  return length / Math.max(1, alarmCount);
}

function tune(detector: TunedDetector, rate: number): number {
  if (detector.settings === null) return 0;
  let [low, high] = detector.settings;
  for (let step = 0; step < 12; step++) {
    const middle = Math.sqrt(low * high);
    const random = createSeededRandom(`tune ${detector.name}`);
    const make = (): Observe => detector.create(middle, rate, random.fork("draws"));
    if (measureRunLength(make, rate, random.fork("null")) < runLength) low = middle;
    else high = middle;
  }
  return high;
}

/** Every detector on one step, and "alarm every N". */
export function runStep(before: number, after: number, streamCount: number): readonly StepResult[] {
  const results = detectors.map((detector): StepResult => {
    const setting = tune(detector, before);
    const random = createSeededRandom(`step ${before} ${after}`);
    const make = (index: number): Observe =>
      detector.create(setting, before, random.fork(`draws ${index}`));
    const trials = Array.from({ length: streamCount }, (_, index) =>
      tryStep(make(index), before, after, random.fork(`stream ${index}`)),
    );
    const delays = trials.map(({ delay }) => delay);
    return {
      name: detector.name,
      measuredRunLength: measureRunLength(
        () => make(-1),
        before,
        random.fork("null"),
        detector.settings === null ? promiseLength : nullLength,
      ),
      medianDelay: medianOf(delays),
      earlyShare: trials.filter(({ wasEarly }) => wasEarly).length / trials.length,
      missedShare: delays.filter((delay) => delay > delayMax).length / delays.length,
    };
  });
  return [
    ...results,
    {
      name: `alarm every ${runLength}`,
      measuredRunLength: runLength,
      medianDelay: runLength / 2,
      earlyShare: quietLength / runLength,
      missedShare: 1 - delayMax / runLength,
    },
  ];
}

interface StepTrial {
  readonly delay: number;
  readonly wasEarly: boolean;
}

/** After an alarm before the step, which is false, the detector starts again by itself. */
function tryStep(
  observe: Observe,
  before: number,
  after: number,
  random: ForkableRandom,
): StepTrial {
  let wasEarly = false;
  for (let index = 0; index < quietLength; index++) {
    if (observe(draw(random, before))) wasEarly = true;
  }
  for (let delay = 1; delay <= delayMax; delay++) {
    if (observe(draw(random, after))) return { delay, wasEarly };
  }
  return { delay: delayMax + 1, wasEarly };
}

function medianOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
