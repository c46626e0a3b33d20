// Real people: how often a person who has not changed is an alarm, how well real novelty is told from the known, and how
// soon a sensor that was put on differently is noticed.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { unwrap } from "@attune/protocol";
import { expect, it } from "vitest";
import { conformalThreshold } from "../ood/conformalThreshold.ts";
import { fitMahalanobis } from "../ood/fitMahalanobis.ts";
import { createMahalanobisScorer } from "../ood/mahalanobis.ts";
import { createUserMonitors, defaultMonitorPolicy } from "./userMonitors.ts";

const folder = join(process.env["ATTUNE_DATA"] ?? "./data", "har-hapt");
const isThere = existsSync(folder);
const howToGet = "needs HAPT: set ATTUNE_DATA to the folder that has har-hapt/";

const dimension = 36;
const peopleCount = 30;
/** Windows of the six activities are labelled 1 to 6, those of transitions between postures 7 to 12. */
const activityCount = 6;
/** Half of a window of 128 samples at 50 Hz: what one more window takes. */
const windowHours = 64 / 50 / 3600;

function readHapt() {
  const bytes = (name: string): Uint8Array => new Uint8Array(readFileSync(join(folder, name)));
  const features = new Float32Array(bytes("window-features.f32.bin").buffer);
  return { features, labels: bytes("window-label.u8.bin"), people: bytes("window-subject.u8.bin") };
}

/** Everything about five people, from the 21 who are neither among them nor among the four that set the threshold. */
function study(data: ReturnType<typeof readHapt>, group: number) {
  const tested = new Set([1, 2, 3, 4, 5].map((place) => group * 5 + place));
  const calibrating = new Set([5, 6, 7, 8].map((place) => ((group * 5 + place) % peopleCount) + 1));
  const windows = Array.from(data.labels.keys());
  const known = windows.filter((window) => (data.labels[window] as number) <= activityCount);
  const of = (people: ReadonlySet<number>) =>
    known.filter((window) => people.has(data.people[window] as number));
  const fitted = known.filter((window) => {
    const person = data.people[window] as number;
    return !tested.has(person) && !calibrating.has(person);
  });
  const profile = fitMahalanobis(
    Float32Array.from(fitted.flatMap((window) => [...featuresOf(data.features, window)])),
    fitted.map((window) => (data.labels[window] as number) - 1),
    { dimension, classCount: activityCount },
  );
  const scorer = createMahalanobisScorer(unwrap(profile));
  const score = (window: number): number => scorer.score(data.features, window * dimension);
  const scores = of(calibrating).map(score);
  const { threshold } = conformalThreshold(scores, 0.05);
  const outlierShare = scores.filter((one) => one > threshold).length / scores.length;
  return { tested, windows, scorer, score, threshold, outlierShare, of };
}

const featuresOf = (features: Float32Array, window: number): Float32Array =>
  features.subarray(window * dimension, (window + 1) * dimension);

/** The same window with the first two axes of both sensors in each other's place: the device was turned. */
function turned(features: Float32Array): Float32Array {
  const swapped = features.slice();
  for (let statistic = 0; statistic < dimension; statistic += 3) {
    swapped[statistic] = features[statistic + 1] as number;
    swapped[statistic + 1] = features[statistic] as number;
  }
  return swapped;
}

it("[LC17] thirty undrifted people raise no alarm of outliers, and everyone's turned device does", (context) => {
  if (!isThere) context.skip(howToGet);
  const data = readHapt();
  let hours = 0;
  let falseAlarmCount = 0;
  const delays: number[] = [];
  for (let group = 0; group < 6; group++) {
    const { tested, scorer, score, threshold, outlierShare, of } = study(data, group);
    for (const person of tested) {
      const monitors = createUserMonitors({
        ...defaultMonitorPolicy,
        reference: { errorRate: 0.1, outlierShare, confidence: 0.9 },
      });
      const raises = (oneScore: number): boolean =>
        monitors.observePrediction({ isOutlier: oneScore > threshold, confidence: 0.9 }) !== null;
      const windows = of(new Set([person]));
      hours += windows.length * windowHours;
      falseAlarmCount += windows.filter((window) => raises(score(window))).length;
      const isTurnNoticed = (window: number): boolean =>
        raises(scorer.score(turned(featuresOf(data.features, window))));
      delays.push(1 + windows.findIndex(isTurnNoticed));
    }
  }
  expect(hours).toBeGreaterThan(3.5);
  expect(falseAlarmCount).toBe(0);
  expect(delays).toHaveLength(peopleCount);
  expect(delays.every((delay) => delay > 0)).toBe(true);
  expect(delays.sort((a, b) => a - b)[peopleCount / 2]).toBeLessThan(100);
});

it("[LC30] postural transitions score above activities of unseen people: area under the curve at least .97", (context) => {
  if (!isThere) context.skip(howToGet);
  const data = readHapt();
  let areas = 0;
  for (let group = 0; group < 6; group++) {
    const { tested, windows, score, of } = study(data, group);
    const known = of(tested).map(score);
    const novel = windows.filter(
      (window) =>
        tested.has(data.people[window] as number) &&
        (data.labels[window] as number) > activityCount,
    );
    const shareBelow = (one: number): number =>
      known.filter((other) => other < one).length / known.length;
    areas += novel.reduce((sum, window) => sum + shareBelow(score(window)), 0) / novel.length / 6;
  }
  expect(areas).toBeGreaterThan(0.97);
});
