// Drift: how late detectors notice a step, how often they alarm on undrifted people, and whether they find sensor faults.
import {
  defaultFeatureMonitorPolicy,
  type FeatureMonitorPolicy,
  type FeatureReference,
  type FeatureReferenceFit,
  fitFeatureReference,
} from "@attune/device-runtime/monitor";
import { createSeededRandom, type ForkableRandom } from "@attune/device-runtime/testing";
import { unwrap } from "@attune/protocol";
import { bar } from "../src/bar.ts";
import type { Bar, ResultRow, Suite } from "../src/suite.ts";
import { ecgLayout, ecgWindowHours, readSteadyHearts } from "./drift/ecgWindows.ts";
import {
  biasFault,
  classCount,
  deadFault,
  featuresOf,
  gainFault,
  type HaptSession,
  haptLayout,
  readHapt,
  type SensorFault,
  swapFault,
  windowHours,
} from "./drift/haptWindows.ts";
import { type Classifier, fitLinearClassifier } from "./drift/linearClassifier.ts";
import { runLength, runStep } from "./drift/steps.ts";
import {
  tryFault,
  type WatchCount,
  type Wearing,
  watchInOrder,
  watchResampled,
} from "./drift/watchedStreams.ts";

/** Steps of an error rate, those of the measurements that the default detector was chosen by. */
const steps = [
  [0.2, 0.4],
  [0.1, 0.2],
  [0.2, 0.8],
] as const;

/** A session has few windows of a class: what is normal is learned of the first ones, so that some are left to watch. */
const shortPolicy: FeatureMonitorPolicy = { ...defaultFeatureMonitorPolicy, baselineCount: 24 };
/** What a device does: in a day each class has far more windows than it takes to learn. */
const longPolicy: FeatureMonitorPolicy = defaultFeatureMonitorPolicy;
/** Half an hour of one class: its first ten minutes are the past. */
const heartPolicy: FeatureMonitorPolicy = { ...defaultFeatureMonitorPolicy, baselineCount: 100 };
/** A visit of half an hour is one observation: of one class there are a dozen hearts, so the limit leaves more room. */
const heartFit = { classCount: 1, baselineCount: 60, quantile: 0.98 };
const haptFit = { classCount, baselineCount: 12 };

/** Pieces of a resampled stream: ten seconds of one movement. */
const blockWindows = 8;
const longNullWindows = 6000;
/** Streams a wearing: what is learned of a person is luck in part, and a past that came out badly alarms again and again. */
const longNullStreams = 4;
const learningWindows = 1000;
const windowsMax = 30;
const trialCount = 8;
/** A person counts as found when so many of the trials do. */
const personFoundShare = 0.9;

/**
 * Settings of the known changes were chosen on people with odd numbers; the range of the joint distance on the resampled streams of all,
 * so those are no proof of their own. Faults are judged by people with even numbers, who had been looked at four times on the way.
 */
const isJudgedPerson = (person: number): boolean => person % 2 === 0;

/** Faults of a gyroscope's wiring are shown and not judged: while nothing moves, its axes hardly differ. */
const faults: readonly { readonly fault: SensorFault; readonly isJudged: boolean }[] = [
  ...[0, 1, 2, 3, 4, 5].map((channel) => ({ fault: gainFault(channel), isJudged: true })),
  ...[0, 1, 2].map((channel) => ({ fault: biasFault(channel), isJudged: true })),
  { fault: swapFault(0, 1), isJudged: true },
  { fault: swapFault(0, 2), isJudged: true },
  { fault: swapFault(1, 2), isJudged: true },
  { fault: swapFault(3, 4), isJudged: false },
  { fault: swapFault(3, 5), isJudged: false },
  { fault: swapFault(4, 5), isJudged: false },
  ...[0, 1, 2, 3, 4, 5].map((channel) => ({ fault: deadFault(channel), isJudged: true })),
];

/** The part, the case and who watches; then whatever the part measures. */
function rowOf(part: string, what: string, detector: string, measured: ResultRow): ResultRow {
  return { part, what, detector, ...measured };
}

/** Upper end of a 95 % interval of a Poisson rate with so many events in `hours` (exact, from one side). */
function upperRate(eventCount: number, hours: number): number {
  const tail = (mean: number): number => {
    let term = Math.exp(-mean);
    let sum = term;
    for (let k = 1; k <= eventCount; k++) {
      term *= mean / k;
      sum += term;
    }
    return sum;
  };
  let low = eventCount;
  let high = eventCount + 10 + 5 * Math.sqrt(eventCount + 1);
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2;
    if (tail(middle) > 0.05) low = middle;
    else high = middle;
  }
  return high / hours;
}

interface NullCount {
  readonly alarmCount: number;
  readonly hours: number;
}

function totalOf(counts: readonly WatchCount[], hoursPerWindow: number): NullCount {
  return {
    alarmCount: counts.reduce((sum, { alarmCount }) => sum + alarmCount, 0),
    hours: counts.reduce((sum, { watchedWindows }) => sum + watchedWindows, 0) * hoursPerWindow,
  };
}

function nullRow(what: string, { alarmCount, hours }: NullCount): ResultRow {
  return rowOf("no drift", what, "feature monitor", {
    alarmCount,
    hours,
    alarmsPerHour: alarmCount / hours,
    upperPerHour: upperRate(alarmCount, hours),
  });
}

/** Reference of each person from everybody else. */
function referencesOf(
  wearings: readonly Wearing[],
  fit: FeatureReferenceFit,
): ReadonlyMap<number, FeatureReference> {
  const people = new Set(wearings.map(({ person }) => person));
  return new Map(
    [...people].map((person) => {
      const others = wearings.filter((wearing) => wearing.person !== person);
      return [person, unwrap(fitFeatureReference(others, fit))];
    }),
  );
}

interface HaptStudy {
  readonly sessions: readonly HaptSession[];
  readonly wearings: readonly Wearing[];
  readonly classifiers: ReadonlyMap<number, Classifier>;
  readonly references: ReadonlyMap<number, FeatureReference>;
}

/** Everything about a person (model, reference) comes from the 29 others. */
async function prepareHapt(dataFolder: string): Promise<HaptStudy> {
  const sessions = await readHapt(dataFolder);
  const features = sessions.map((session) => featuresOf(session));
  const people = new Set(sessions.map(({ person }) => person));
  const labelled = sessions.map((session, index) => ({
    person: session.person,
    features: features[index] as Float64Array,
    labels: session.labels,
  }));
  const classifiers = new Map(
    [...people].map((person) => {
      const others = labelled.filter((session) => session.person !== person);
      return [person, fitLinearClassifier(others, haptLayout, classCount)];
    }),
  );
  const wearings = sessions.map(({ person }, index) => {
    const own = features[index] as Float64Array;
    const predictedClasses = (classifiers.get(person) as Classifier)(own);
    return { person, features: own, predictedClasses };
  });
  const references = referencesOf(wearings, { layout: haptLayout, ...haptFit });
  return { sessions, wearings, classifiers, references };
}

interface FaultMeasure {
  readonly foundShare: number;
  readonly namedShare: number;
  readonly row: ResultRow;
}

function measureFault(
  study: HaptStudy,
  fault: SensorFault,
  isCounted: (person: number) => boolean,
  whose: string,
  random: ForkableRandom,
): FaultMeasure {
  const trials = study.wearings.flatMap((healthy, index) => {
    if (!isCounted(healthy.person)) return [];
    const features = featuresOf(study.sessions[index] as HaptSession, fault);
    const classify = study.classifiers.get(healthy.person) as Classifier;
    const faulty = { ...healthy, features, predictedClasses: classify(features) };
    const reference = study.references.get(healthy.person) as FeatureReference;
    const plan = { trialCount, learningWindows, windowsMax, blockWindows };
    const own = random.fork(`${fault.name} ${index}`);
    return tryFault(healthy, faulty, reference, longPolicy, { ...plan, random: own }).map(
      (trial) => ({ ...trial, person: healthy.person }),
    );
  });
  const delays = trials.flatMap(({ delayWindows }) =>
    delayWindows === null ? [] : [delayWindows],
  );
  const namedCount = trials.filter(
    ({ firstNamed }) => firstNamed !== null && fault.channels.includes(firstNamed),
  ).length;
  const people = [...Map.groupBy(trials, ({ person }) => person).values()].map(
    (own) => own.filter(({ delayWindows }) => delayWindows !== null).length / own.length,
  );
  const foundShare = delays.length / trials.length;
  const namedShare = namedCount / Math.max(1, delays.length);
  const foundPeople = people.filter((share) => share >= personFoundShare).length / people.length;
  const medianDelay = delays.toSorted((a, b) => a - b)[Math.floor(delays.length / 2)] ?? null;
  const measured = { foundShare, foundPeople, namedShare, medianDelay, trials: trials.length };
  const row = rowOf("fault", fault.name, `feature monitor, ${whose}`, measured);
  return { foundShare, namedShare, row };
}

/** Steps, undrifted people, injected faults. */
export const suite: Suite = {
  name: "drift",
  title:
    "Drift: steps of an error rate (delay in observations), undrifted people (HAPT, MIT-BIH), injected sensor faults (delay in windows; settings chosen on people with odd numbers, bars on even ones)",
  columns: [
    { key: "part", title: "part" },
    { key: "what", title: "what" },
    { key: "detector", title: "detector" },
    { key: "medianDelay", title: "median delay", decimals: 0 },
    { key: "missedShare", title: "missed", decimals: 2 },
    { key: "measuredRunLength", title: "run length", decimals: 0 },
    { key: "earlyShare", title: "false before step", decimals: 2 },
    { key: "alarmCount", title: "alarms", decimals: 0 },
    { key: "hours", title: "hours", decimals: 1 },
    { key: "alarmsPerHour", title: "alarms/h", decimals: 3 },
    { key: "upperPerHour", title: "95 % upper", decimals: 3 },
    { key: "foundShare", title: "found", decimals: 3 },
    { key: "foundPeople", title: "people", decimals: 2 },
    { key: "namedShare", title: "named first", decimals: 3 },
    { key: "trials", title: "trials", decimals: 0 },
  ],
  options: [{ name: "streams", fallback: "201", help: "streams a step and detector" }],
  async run({ dataFolder, options, progress }) {
    const rows: ResultRow[] = [];
    const bars: Bar[] = [];
    for (const [before, after] of steps) {
      progress(`step from ${before} to ${after}`);
      const results = runStep(before, after, Number(options["streams"]));
      for (const { name, ...measured } of results) {
        rows.push(rowOf("step", `${before} to ${after}`, name, { ...measured }));
      }
      const promised = results[0];
      const adwin = results.find(({ name }) => name === "ADWIN");
      bars.push(
        bar(
          `e-detector's run length at ${before}`,
          promised?.measuredRunLength ?? Number.NaN,
          ">=",
          runLength,
        ),
        bar(
          `ADWIN's delay by the e-detector's, ${before} to ${after}`,
          (adwin?.medianDelay ?? Number.NaN) / (promised?.medianDelay ?? Number.NaN),
          ">=",
          1,
        ),
      );
    }
    if (dataFolder === undefined) {
      throw new Error("drift needs har-hapt and ecg-mitbih: set ATTUNE_DATA to their folder");
    }

    progress("30 models, 30 references");
    const study = await prepareHapt(dataFolder);
    const { wearings, references } = study;
    const random = createSeededRandom("drift");
    progress("61 sessions as they were");
    const inOrder = totalOf(
      wearings.map((wearing) =>
        watchInOrder(wearing, references.get(wearing.person) as FeatureReference, shortPolicy),
      ),
      windowHours,
    );
    progress("hearts");
    const hearts = await readSteadyHearts(dataFolder);
    const heartReferences = referencesOf(hearts, { layout: ecgLayout, ...heartFit });
    const heartCount = totalOf(
      hearts.map((wearing) =>
        watchInOrder(wearing, heartReferences.get(wearing.person) as FeatureReference, heartPolicy),
      ),
      ecgWindowHours,
    );
    progress("long streams without drift");
    const streams = wearings.flatMap((wearing, index) =>
      Array.from({ length: longNullStreams }, (_, stream) => {
        const reference = references.get(wearing.person) as FeatureReference;
        const plan = { windows: longNullWindows, blockWindows };
        const own = random.fork(`null ${index} ${stream}`);
        const count = watchResampled(wearing, reference, longPolicy, { ...plan, random: own });
        return { ...count, person: wearing.person };
      }),
    );
    const long = totalOf(streams, windowHours);
    const judged = totalOf(
      streams.filter(({ person }) => isJudgedPerson(person)),
      windowHours,
    );
    rows.push(
      nullRow("HAPT, 61 sessions in order", inOrder),
      nullRow(`MIT-BIH, ${hearts.length} steady hearts in order`, heartCount),
      nullRow("HAPT, resampled by blocks of 8 windows", long),
      nullRow("HAPT, likewise, people with even numbers", judged),
      rowOf("no drift", "any", `alarm every ${windowsMax} windows`, {
        alarmsPerHour: 1 / (windowsMax * windowHours),
      }),
    );
    const real = {
      alarmCount: inOrder.alarmCount + heartCount.alarmCount,
      hours: inOrder.hours + heartCount.hours,
    };
    bars.push(
      bar("false alarms per user-hour, real streams", real.alarmCount / real.hours, "<=", 0.1),
      bar("false alarms per user-hour, resampled", long.alarmCount / long.hours, "<=", 0.1),
      bar("its 95 % upper bound", upperRate(long.alarmCount, long.hours), "<=", 0.1),
    );

    for (const { fault, isJudged } of faults) {
      progress(fault.name);
      const forked = random.fork("fault");
      const { row, foundShare, namedShare } = measureFault(
        study,
        fault,
        isJudgedPerson,
        "even people",
        forked,
      );
      const chosen = (person: number): boolean => !isJudgedPerson(person);
      rows.push(row, measureFault(study, fault, chosen, "odd people", forked).row);
      if (!isJudged) continue;
      bars.push(
        bar(`found in ${windowsMax} windows: ${fault.name}`, foundShare, ">=", 0.95),
        bar(`right channel first: ${fault.name}`, namedShare, ">=", 0.9),
      );
    }
    rows.push(
      rowOf("fault", "any", `alarm every ${windowsMax} windows`, {
        foundShare: 1,
        namedShare: 1 / 6,
        medianDelay: windowsMax / 2,
      }),
    );
    return { results: rows, bars };
  },
};
