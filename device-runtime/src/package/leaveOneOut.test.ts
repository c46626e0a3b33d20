import { accept, refuse, unwrap } from "@attune/protocol";
import { expect, it } from "vitest";
import { createSeededRandom } from "../adapters/seededRandom.ts";
import type { OodSamples } from "../core/ood/oodSamples.ts";
import { gaussian } from "../ports/random.ts";
import { inseparableFrom, type LeaveOneOutViews, leaveOneOut } from "./leaveOneOut.ts";

const random = createSeededRandom("leave one out");
/** Where the classes lie: the last two in the same place. */
const centres = [
  [0, 0],
  [20, 0],
  [0, 20],
  [0, 20],
] as const;

/** Class scores: the nearer a centre, the higher, with a little noise where two are the same. */
function drawSamples(count: number): OodSamples {
  const labels = Int32Array.from({ length: count }, (_, at) => at % centres.length);
  const features = new Float32Array(2 * count);
  const logits = new Float32Array(centres.length * count);
  labels.forEach((label, at) => {
    const point = (centres[label] ?? centres[0]).map((middle) => middle + gaussian(random));
    features.set(point, 2 * at);
    centres.forEach(([x, y], other) => {
      const far = Math.hypot((point[0] as number) - x, (point[1] as number) - y);
      logits[at * centres.length + other] = -far + (label === other ? 0.1 : 0);
    });
  });
  return { dimension: 2, classCount: centres.length, features, logits, labels };
}

const fit = drawSamples(400);
const check = drawSamples(400);
const seenBy = (seen: LeaveOneOutViews["seen"]) => async () => accept({ fit, check, seen });

it("[DR5] classes in the same place are inseparable from each other, others are from nobody", async () => {
  const report = unwrap(
    await leaveOneOut(4, { kind: "knn" }, seenBy("scores"), createSeededRandom(1)),
  );
  expect([0, 1, 2, 3].map((label) => inseparableFrom(report, label))).toEqual([[], [], [3], [2]]);
  const same = report.pairs.find(({ leftOut, answered }) => leftOut === 2 && answered === 3);
  expect(same?.auroc).toBeGreaterThan(0.35);
  expect(same?.auroc).toBeLessThan(0.65);
  expect(same?.leftOutCount).toBe(100);
  // Scores that read class scores know the class that was left out, and were not asked.
  for (const { best } of report.pairs) {
    expect(["combined", "knn", "mahalanobis", "relativeMahalanobis", "isolationForest"]).toContain(
      best,
    );
  }
  for (const { auroc, bestAuroc } of report.pairs) expect(bestAuroc).toBeGreaterThanOrEqual(auroc);
  expect(report.isOptimistic).toBe(false);
});

it("[DR5] features that had seen the class make an optimistic report, which says so", async () => {
  const method = { kind: "energy" } as const;
  const report = unwrap(await leaveOneOut(4, method, seenBy("everything"), createSeededRandom(1)));
  expect(report.isOptimistic).toBe(true);
});

it("[DR5] two classes alone, or a training that fails, give no report", async () => {
  const none = unwrap(
    await leaveOneOut(2, { kind: "knn" }, seenBy("nothing"), createSeededRandom(1)),
  );
  expect(none).toEqual({ pairs: [], isOptimistic: false });
  const failed = await leaveOneOut(
    4,
    { kind: "knn" },
    async () => refuse("model.malformed", "no model came of it"),
    createSeededRandom(1),
  );
  expect(failed.ok ? null : failed.refusal.code).toBe("model.malformed");
});
