// What monitoring costs: time of an update, bytes a user, and that nothing is allocated once warm.
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
import { createSeededRandom } from "@attune/device-runtime/testing";
import { encodeCbor } from "@attune/protocol";
import { bar } from "../src/bar.ts";
import type { Contestant } from "../src/compare.ts";
import type { ResultRow, Suite } from "../src/suite.ts";
import { createDeviceWindow, type DeviceWindow, windowCount } from "./monitorCost/deviceWindow.ts";

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

function windowSubject(name: string, aimNs: number | null, part: keyof DeviceWindow): Subject {
  return {
    name,
    aimNs,
    updateCount: 4096,
    create() {
      const watch = createDeviceWindow()[part];
      return {
        update(index) {
          watch.observe(index % windowCount);
        },
        state: () => watch.state(),
      };
    },
  };
}

const driftWatch = "drift watch, 36 features, 6 classes";

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
  windowSubject("Mahalanobis, 36 features, 6 classes", 2_000, "mahalanobis"),
  windowSubject("data validation, 6 channels, all rules", null, "validation"),
  windowSubject("window statistics, 36 features", null, "statistics"),
  windowSubject("default score, 32 + 36 features", null, "score"),
  windowSubject("user calibration", null, "calibration"),
  windowSubject(driftWatch, null, "features"),
  windowSubject("profile, 36 features, 10 bins", null, "profile"),
  windowSubject("a whole 6x128 window: score, alarms, rules, profile", 20_000, "watched"),
  windowSubject("the same behind every data rule", null, "all"),
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
    const monitorBytes = bytes.get(driftWatch)?.saved ?? Number.NaN;
    const worst = Math.max(...[...bytes.values()].map(({ allocated }) => allocated));
    return {
      results,
      bars: [
        ...aimed,
        bar("bytes a user, drift watch", monitorBytes, "<=", 4096),
        // One number that is made anew takes sixteen.
        bar("bytes allocated an update, worst", worst, "<=", 4),
      ],
    };
  },
};
