// What monitoring costs: time of an update, bytes a user, and that nothing is allocated once warm.
import {
  createAdwin,
  createCusum,
  createDdm,
  createEDetector,
  createEddm,
  createErrorEstimate,
  createFeatureMonitor,
  createHddmA,
  createHddmW,
  createKswin,
  createMahalanobisScorer,
  createPageHinkley,
  createProfile,
  createUserMonitors,
  defaultMonitorPolicy,
  fitFeatureReference,
  fitMahalanobis,
  type ProfileLayout,
  quantileEdges,
} from "@attune/device-runtime/monitor";
import { createSeededRandom, type ForkableRandom } from "@attune/device-runtime/testing";
import { encodeCbor, unwrap } from "@attune/protocol";
import { bar } from "../src/bar.ts";
import type { Contestant } from "../src/compare.ts";
import type { ResultRow, Suite } from "../src/suite.ts";
import { channelCount, haptLayout, windowFeatures, windowSamples } from "./drift/haptWindows.ts";

const classCount = 6;
const { featureCount } = haptLayout;
const profileBins = 10;
/** Different windows that are gone through again and again: more than fit the caches' luck. */
const windowCount = 512;

function gaussian(random: ForkableRandom): number {
  const unit = (): number => (random.nextUint32() + 0.5) / 2 ** 32;
  return Math.sqrt(-2 * Math.log(unit())) * Math.cos(2 * Math.PI * unit());
}

interface Windows {
  /** `(windowCount, 128, 6)`. */
  readonly raw: Float32Array;
  /** `(windowCount, 36)`. */
  readonly features: Float64Array;
  readonly labels: Uint8Array;
}

/** Six movements that differ in level and in liveliness. */
function drawWindows(random: ForkableRandom): Windows {
  const labels = Uint8Array.from({ length: windowCount }, (_, window) => {
    return Math.floor(window / 12) % classCount;
  });
  const size = windowSamples * channelCount;
  const raw = Float32Array.from({ length: windowCount * size }, (_, at) => {
    const label = labels[Math.floor(at / size)] as number;
    const channel = at % channelCount;
    const level = Math.sin(1 + label * channelCount + channel);
    return level + 0.1 * (1 + ((label + channel) % classCount)) * gaussian(random);
  });
  const features = new Float64Array(windowCount * featureCount);
  const extract = windowFeatures();
  for (let window = 0; window < windowCount; window++) {
    extract(raw, window * size, features, window * featureCount);
  }
  return { raw, features, labels };
}

/** Everything that is watched of one user; one call a window. */
interface Watch {
  observe(window: number): void;
  /** Plain states, as they are saved. */
  state(): unknown;
}

function rowsOf(windows: Windows): readonly Float64Array[] {
  return Array.from({ length: windowCount }, (_, window) =>
    windows.features.subarray(window * featureCount, (window + 1) * featureCount),
  );
}

function watchFeatures(windows: Windows): Watch {
  const people = [0, 1, 2].map(() => ({
    features: windows.features,
    predictedClasses: windows.labels,
  }));
  const reference = unwrap(fitFeatureReference(people, { layout: haptLayout, classCount }));
  const monitor = createFeatureMonitor(reference);
  const rows = rowsOf(windows);
  return {
    observe(window) {
      monitor.observe(rows[window] as Float64Array, windows.labels[window] as number);
    },
    state: () => monitor.state(),
  };
}

function watchProfile(windows: Windows): Watch {
  const layout: ProfileLayout = {
    edges: Array.from({ length: featureCount }, (_, index) =>
      quantileEdges(
        windows.features.filter((_value, at) => at % featureCount === index),
        profileBins,
      ),
    ),
    classCount,
  };
  const profile = createProfile(layout);
  const rows = rowsOf(windows);
  return {
    observe(window) {
      profile.observe(rows[window] as Float64Array, windows.labels[window] as number);
    },
    // The bins' edges are the reference's and shared by all users.
    state: () => ({ ...profile.profile(), layout: null }),
  };
}

function watchOod(windows: Windows): Watch & { score(window: number): number } {
  const scorer = createMahalanobisScorer(
    unwrap(
      fitMahalanobis(windows.features, windows.labels, { dimension: featureCount, classCount }),
    ),
  );
  const score = (window: number): number => scorer.score(windows.features, window * featureCount);
  return {
    score,
    observe(window) {
      score(window);
    },
    state: () => null,
  };
}

function watchAlarms(isOutlierAt: (window: number) => boolean): Watch {
  const reference = { errorRate: 0.1, outlierShare: 0.05, confidence: 0.9 };
  const monitors = createUserMonitors({ ...defaultMonitorPolicy, reference });
  const estimate = createErrorEstimate({ threshold: 0.6, errorRate: 0.1, confidence: 0.9 });
  const answer = { isOutlier: false, confidence: 0.95 };
  return {
    observe(window) {
      answer.isOutlier = isOutlierAt(window);
      monitors.observePrediction(answer);
      estimate.observe(answer.confidence);
    },
    state: () => [monitors.state(), estimate.state()],
  };
}

/** A whole window: features out of 6 x 128 samples, then profile, out-of-distribution score, feature monitor and alarms. */
function watchAll(windows: Windows): Watch {
  const extract = windowFeatures();
  const features = watchFeatures(windows);
  const profile = watchProfile(windows);
  const ood = watchOod(windows);
  // A score that every normal window of this simulation stays below.
  const alarms = watchAlarms((window) => ood.score(window) > 20);
  const parts = [features, profile, alarms];
  const size = windowSamples * channelCount;
  return {
    observe(window) {
      extract(windows.raw, window * size, windows.features, window * featureCount);
      features.observe(window);
      profile.observe(window);
      alarms.observe(window);
    },
    state: () => parts.map((part) => part.state()),
  };
}

interface Subject {
  readonly name: string;
  /** Nanoseconds that are aimed at, if any. */
  readonly aimNs: number | null;
  readonly updateCount: number;
  create(): { update(index: number): void; state(): unknown };
}

function detectorSubject(
  name: string,
  aimNs: number | null,
  create: () => { observe(value: number): unknown; state(): unknown },
  updateCount = 200_000,
): Subject {
  return {
    name,
    aimNs,
    updateCount,
    create() {
      const random = createSeededRandom(name);
      const values = Float64Array.from({ length: 4096 }, () =>
        random.nextUint32() / 2 ** 32 < 0.2 ? 1 : 0,
      );
      const detector = create();
      return {
        update(index) {
          detector.observe(values[index & 4095] as number);
        },
        state: () => detector.state(),
      };
    },
  };
}

function windowSubject(
  name: string,
  aimNs: number | null,
  create: (windows: Windows) => Watch,
): Subject {
  return {
    name,
    aimNs,
    updateCount: 4096,
    create() {
      const watch = create(drawWindows(createSeededRandom("windows")));
      return {
        update(index) {
          watch.observe(index % windowCount);
        },
        state: () => watch.state(),
      };
    },
  };
}

const subjects: readonly Subject[] = [
  detectorSubject("e-detector", 20, () =>
    createEDetector({ referenceRate: 0.25, averageRunLengthMin: 10_000 }),
  ),
  detectorSubject("CUSUM", 20, () => createCusum({ target: 0.2, slack: 0.1, driftSum: 20 })),
  detectorSubject("ADWIN", 100, () => createAdwin()),
  detectorSubject("DDM", null, () => createDdm()),
  detectorSubject("EDDM", null, () => createEddm()),
  detectorSubject("HDDM_A", null, () => createHddmA()),
  detectorSubject("HDDM_W", null, () => createHddmW()),
  detectorSubject("Page-Hinkley", null, () => createPageHinkley()),
  detectorSubject("KSWIN", null, () => createKswin(createSeededRandom(1)), 4096),
  windowSubject("Mahalanobis, 36 features, 6 classes", 2_000, watchOod),
  windowSubject("profile, 36 features, 10 bins", null, watchProfile),
  windowSubject("feature monitor, 36 features, 6 classes", null, watchFeatures),
  windowSubject("a whole 6x128 window", 20_000, watchAll),
];

const warmUpUpdates = 40_000;
const heapUpdates = 200_000;

/** Bytes of heap that an update leaves behind, once warm. What the meter itself takes is below a byte an update. */
function allocatedBytes(subject: Subject): number {
  const { update } = subject.create();
  const updates = Math.min(heapUpdates, subject.updateCount * 16);
  for (let index = 0; index < Math.min(warmUpUpdates, updates); index++) update(index);
  let least = Number.POSITIVE_INFINITY;
  // The least of several: a collection or a compilation in between only adds or takes elsewhere.
  for (let attempt = 0; attempt < 5; attempt++) {
    const before = process.memoryUsage().heapUsed;
    for (let index = 0; index < updates; index++) update(index);
    const grown = process.memoryUsage().heapUsed - before;
    if (grown >= 0) least = Math.min(least, grown / updates);
  }
  return least;
}

/** Bytes of what is saved of one user. */
function savedBytes(subject: Subject): number {
  const { update, state } = subject.create();
  for (let index = 0; index < 4096; index++) update(index);
  const saved = state();
  return saved === null ? 0 : encodeCbor(saved).length;
}

/** Time of an update, bytes a user, allocation. */
export const suite: Suite = {
  name: "monitor-cost",
  title: "Monitoring: time of one update, bytes saved a user, bytes allocated an update once warm",
  columns: [
    { key: "name", title: "what" },
    { key: "medianNs", title: "median ns", decimals: 0 },
    { key: "lowerQuartileNs", title: "25 % ns", decimals: 0 },
    { key: "upperQuartileNs", title: "75 % ns", decimals: 0 },
    { key: "aimNs", title: "aim ns", decimals: 0 },
    { key: "savedBytes", title: "bytes a user", decimals: 0 },
    { key: "allocatedBytes", title: "allocated bytes", decimals: 2 },
  ],
  async run({ compare, progress }) {
    const contestants = subjects.map((subject): Contestant => {
      let update: (index: number) => void = () => undefined;
      return {
        name: subject.name,
        unitCount: subject.updateCount,
        setUp() {
          ({ update } = subject.create());
        },
        run() {
          for (let index = 0; index < subject.updateCount; index++) update(index);
        },
      };
    });
    const comparison = await compare({ contestants, roundCount: 21 });
    progress("bytes");
    const bytes = new Map(
      subjects.map((subject) => [
        subject.name,
        { saved: savedBytes(subject), allocated: allocatedBytes(subject) },
      ]),
    );
    const results = comparison.rows("ns").map((row): ResultRow => {
      const subject = subjects.find(({ name }) => name === row["name"]);
      const own = bytes.get(String(row["name"]));
      return {
        ...row,
        aimNs: subject?.aimNs ?? null,
        savedBytes: own?.saved ?? null,
        allocatedBytes: own?.allocated ?? null,
      };
    });
    const aimed = subjects.flatMap(({ name, aimNs }) =>
      aimNs === null
        ? []
        : [bar(`${name}, ns`, (comparison.unitMs[name]?.median ?? Number.NaN) * 1e6, "<=", aimNs)],
    );
    const monitorBytes = bytes.get("feature monitor, 36 features, 6 classes")?.saved ?? Number.NaN;
    const worst = Math.max(...[...bytes.values()].map(({ allocated }) => allocated));
    return {
      results,
      bars: [
        ...aimed,
        bar("bytes a user, feature monitor", monitorBytes, "<=", 4096),
        // One number that is made anew takes twelve.
        bar("bytes allocated an update, worst", worst, "<=", 4),
      ],
    };
  },
};
