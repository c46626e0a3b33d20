// Ten million updates of everything that watches: nothing throws, memory stays, and a null alarms no more often than promised.
import {
  createAdwin,
  createClassShift,
  createCusum,
  createDdm,
  createEDetector,
  createEddm,
  createErrorEstimate,
  createFeatureMonitor,
  createHddmA,
  createHddmW,
  createKswin,
  createPageHinkley,
  createProfile,
  createQuantileSketch,
  defaultClassShiftPolicy,
  defaultFeatureMonitorPolicy,
  fitFeatureReference,
} from "@attune/device-runtime/monitor";
import { createSeededRandom, type ForkableRandom } from "@attune/device-runtime/testing";
import { encodeCbor, unwrap } from "@attune/protocol";
import { bar } from "../src/bar.ts";
import type { ResultRow, Suite } from "../src/suite.ts";

const million = 1_000_000;
const eRunLength = 10_000;
const eRate = 0.1;
/** Below the reference: at it an e-detector alarms as often as it promises, and no less. */
const constant = 0.05;

/** Every kind of number that has ever broken a statistic, and calm ones between. */
const hostileNumbers = [
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  5e-324,
  -5e-324,
  2.2e-308,
  1e100,
  -1e100,
  1.7e308,
  -0,
  0,
  1,
];

/** Something that takes numbers; `true` for an alarm. */
interface Endurer {
  readonly name: string;
  readonly updateCount: number;
  /** Alarms that are promised at most on a null; null when the rule promises nothing. */
  readonly promisedAlarms: number | null;
  create(): { observe(value: number): boolean; state(): unknown };
}

function detector(
  name: string,
  create: () => { observe(value: number): string; state(): unknown },
  updateCount = 10 * million,
): Endurer {
  return {
    name,
    updateCount,
    promisedAlarms: null,
    create() {
      const own = create();
      return { observe: (value) => own.observe(value) === "drift", state: () => own.state() };
    },
  };
}

/** Three classes in bouts of twelve, four channels: what a steady person looks like. */
function featureEndurer(): Endurer {
  const featureCount = 4;
  const layout = {
    featureCount,
    series: Array.from({ length: featureCount }, (_, index) => ({
      name: `channel ${index}`,
      features: [index],
      isChannel: true,
    })),
    logFeatures: [],
    axes: [],
    logFloor: 1,
  };
  const people = Array.from({ length: 10 }, (_, person) => {
    const random = createSeededRandom(`person ${person}`);
    return {
      features: Array.from({ length: 400 * featureCount }, () => uniform(random)),
      predictedClasses: Array.from(
        { length: 400 },
        (_value, window) => Math.floor(window / 12) % 3,
      ),
    };
  });
  const updateCount = 10 * million;
  return {
    name: "feature monitor",
    updateCount,
    promisedAlarms: updateCount / featureCount / defaultFeatureMonitorPolicy.averageRunLengthMin,
    create() {
      const reference = unwrap(fitFeatureReference(people, { layout, classCount: 3 }));
      const monitor = createFeatureMonitor(reference);
      const window = new Float64Array(featureCount);
      let filled = 0;
      let windowCount = 0;
      return {
        observe(value) {
          window[filled++] = value;
          if (filled < featureCount) return false;
          filled = 0;
          return monitor.observe(window, Math.floor(windowCount++ / 12) % 3) !== null;
        },
        state: () => monitor.state(),
      };
    },
  };
}

function uniform(random: ForkableRandom): number {
  return random.nextUint32() / 2 ** 32;
}

const endurers: readonly Endurer[] = [
  {
    name: "e-detector",
    updateCount: 10 * million,
    promisedAlarms: (10 * million) / eRunLength,
    create() {
      const own = createEDetector({ referenceRate: eRate, averageRunLengthMin: eRunLength });
      return {
        // It takes rates only, and says so; whoever feeds it decides what is one.
        observe: (value) => value >= 0 && value <= 1 && own.observe(value),
        state: () => own.state(),
      };
    },
  },
  detector("ADWIN", () => createAdwin()),
  detector("DDM", () => createDdm()),
  detector("EDDM", () => createEddm()),
  detector("HDDM_A", () => createHddmA({ isTwoSided: true })),
  detector("HDDM_W", () => createHddmW({ isTwoSided: true })),
  detector("Page-Hinkley", () => createPageHinkley()),
  detector("CUSUM", () => createCusum({ target: eRate, slack: 0.1, driftSum: 20 })),
  detector("KSWIN", () => createKswin(createSeededRandom(1), { alpha: 1e-6 }), million),
  featureEndurer(),
  {
    name: "class shift",
    updateCount: 10 * million,
    promisedAlarms:
      (10 * million) /
      defaultClassShiftPolicy.blockLength /
      defaultClassShiftPolicy.rule.averageRunLengthMin,
    create() {
      const own = createClassShift({ ...defaultClassShiftPolicy, shares: [1 - eRate, eRate] });
      return { observe: (value) => own.observe(value) !== null, state: () => own.state() };
    },
  },
  {
    name: "profile, sketch, error estimate",
    updateCount: 10 * million,
    promisedAlarms: null,
    create() {
      const profile = createProfile({ edges: [[0, 0.5, 1]], classCount: 2 });
      const sketch = createQuantileSketch(createSeededRandom(2));
      const estimate = createErrorEstimate({ threshold: 0.5, errorRate: 0.1, confidence: 0.9 });
      const window = new Float64Array(1);
      return {
        observe(value) {
          window[0] = value;
          profile.observe(window, value);
          sketch.observe(value);
          estimate.observe(value);
          return false;
        },
        state: () => [profile.profile(), sketch.state(), estimate.state()],
      };
    },
  },
];

interface Endurance {
  readonly row: ResultRow;
  readonly excess: number | null;
  readonly grownBytes: number;
}

/** A null of errors, one in ten; then a tenth as many of one constant, and as many hostile numbers. */
function endure({ name, updateCount, promisedAlarms, create }: Endurer): Endurance {
  const calm = create();
  const random = createSeededRandom(name);
  let nullAlarms = 0;
  let earlyBytes = 0;
  for (let index = 0; index < updateCount; index++) {
    if (index === updateCount / 100) earlyBytes = encodeCbor(calm.state()).length;
    const value = name === "feature monitor" ? uniform(random) : uniform(random) < eRate ? 1 : 0;
    if (calm.observe(value)) nullAlarms++;
  }
  const lateBytes = encodeCbor(calm.state()).length;
  const still = create();
  let constantAlarms = 0;
  for (let index = 0; index < updateCount / 10; index++) {
    if (still.observe(constant)) constantAlarms++;
  }
  const hostile = create();
  for (let index = 0; index < updateCount / 10; index++) {
    const pick = Math.floor(uniform(random) * hostileNumbers.length);
    hostile.observe(hostileNumbers[pick] as number);
  }
  // What it has become can be written and gone on from.
  const hostileBytes = encodeCbor(hostile.state()).length;
  const limit = promisedAlarms === null ? null : promisedAlarms + 4 * Math.sqrt(promisedAlarms);
  return {
    row: {
      name,
      updateCount,
      nullAlarms,
      alarmLimit: limit,
      constantAlarms,
      earlyBytes,
      lateBytes,
      hostileBytes,
    },
    excess: limit === null ? null : nullAlarms / limit,
    grownBytes: Math.max(lateBytes, hostileBytes) - earlyBytes,
  };
}

/** Ten million updates: a null, a constant, hostile numbers. */
export const suite: Suite = {
  name: "drift-endurance",
  title:
    "Ten million updates: a null (an error in ten), a constant, NaN, infinities, denormals and huge numbers",
  columns: [
    { key: "name", title: "what" },
    { key: "updateCount", title: "updates", decimals: 0 },
    { key: "nullAlarms", title: "alarms on the null", decimals: 0 },
    { key: "alarmLimit", title: "promised, plus 4 sigma", decimals: 0 },
    { key: "constantAlarms", title: "on a constant", decimals: 0 },
    { key: "earlyBytes", title: "bytes at 1 %", decimals: 0 },
    { key: "lateBytes", title: "at the end", decimals: 0 },
    { key: "hostileBytes", title: "after hostile ones", decimals: 0 },
  ],
  async run({ progress }) {
    const endurances: Endurance[] = [];
    for (const endurer of endurers) {
      progress(endurer.name);
      endurances.push(endure(endurer));
      await Promise.resolve();
    }
    const excesses = endurances.flatMap(({ excess }) => (excess === null ? [] : [excess]));
    return {
      results: endurances.map(({ row }) => row),
      bars: [
        bar("alarms by what is promised plus 4 sigma, worst", Math.max(...excesses), "<=", 1),
        bar(
          "alarms on a constant",
          endurances.reduce((sum, { row }) => sum + Number(row["constantAlarms"]), 0),
          "==",
          0,
        ),
        // Counters are written in up to nine bytes each, and a sketch fills its levels.
        bar(
          "bytes that a state grew by, worst",
          Math.max(...endurances.map(({ grownBytes }) => grownBytes)),
          "<=",
          4096,
        ),
      ],
    };
  },
};
