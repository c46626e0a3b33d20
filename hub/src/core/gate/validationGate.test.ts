import { nodeCryptography } from "@attune/protocol/node";
import fc from "fast-check";
import { expect, it } from "vitest";
import { defaultPolicy } from "../../policy.ts";
import { createReproducibleRandom } from "./reproducibleRandom.ts";
import { judgeSanity } from "./sanityGate.ts";
import { judgeShadow } from "./shadowGate.ts";
import { judgeSlices, judgeValidation, type ValidationCell } from "./validationGate.ts";

const policy = defaultPolicy.gate.validation;
const random = (seed = "s") => createReproducibleRandom(seed, nodeCryptography);

const cell = (
  person: string,
  label: string,
  championCorrect: number,
  challengerCorrect: number,
  count = 100,
): ValidationCell => ({
  person,
  label,
  count,
  championCorrect,
  challengerCorrect,
});
const answers = (...cells: ValidationCell[]) => ({ cells, notFiniteCount: 0 });
const persons = ["p1", "p2", "p3", "p4"];

it("[HB80] a challenger that answers as the champion does is not inferior", () => {
  const check = judgeValidation(
    answers(...persons.map((p) => cell(p, "walking", 90, 90))),
    policy,
    random(),
  );
  expect(check).toMatchObject({
    outcome: "pass",
    evidence: { difference: 0, lowerBound: 0, samples: 400 },
  });
});

it("[HB80] a loss beyond the margin on every person fails, with the figures", () => {
  const check = judgeValidation(
    answers(...persons.map((p) => cell(p, "walking", 90, 85))),
    policy,
    random(),
  );
  expect(check).toMatchObject({ outcome: "fail", evidence: { difference: expect.closeTo(-0.05) } });
  expect(check.text).toBe(
    "mean over 4 persons -5.0 points, at least -5.0 (95.0 % bootstrap), margin -1.0",
  );
});

it("[HB80] persons weigh the same, however many samples they have", () => {
  const check = judgeValidation(
    answers(cell("p1", "walking", 900, 1000, 1000), cell("p2", "walking", 10, 8, 10)),
    policy,
    random(),
  );
  expect(check.evidence["difference"]).toBeCloseTo((0.1 - 0.2) / 2);
});

it("[HB80] one person of four who loses much is not hidden by three who gain a little", () => {
  const check = judgeValidation(
    answers(
      ...["p1", "p2", "p3"].map((p) => cell(p, "walking", 80, 82)),
      cell("p4", "walking", 80, 70),
    ),
    policy,
    random(),
  );
  expect(check.outcome).toBe("fail");
});

it("[HB80] an empty set fails", () => {
  expect(judgeValidation(answers(), policy, random()).outcome).toBe("fail");
});

it("[HB81] the bound is what anybody gets who draws again, never above the mean, and falls with the answers", () => {
  const differences = fc.array(fc.integer({ min: -30, max: 30 }), { minLength: 2, maxLength: 12 });
  const boundOf = (list: readonly number[]) =>
    judgeValidation(
      answers(...list.map((d, i) => cell(`p${i}`, "walking", 50, 50 + d))),
      policy,
      random(),
    ).evidence as {
      lowerBound: number;
      difference: number;
    };
  fc.assert(
    fc.property(differences, (list) => {
      const { lowerBound, difference } = boundOf(list);
      expect(boundOf(list).lowerBound).toBe(lowerBound);
      expect(lowerBound).toBeLessThanOrEqual(difference + 1e-12);
      expect(boundOf(list.map((value) => value - 1)).lowerBound).toBeLessThan(lowerBound);
    }),
    { numRuns: 30 },
  );
});

it("[HB82] the worst slice decides: a class that is lost fails though the mean is up", () => {
  const check = judgeSlices(
    answers(cell("p1", "walking", 50, 70), cell("p1", "falling", 60, 50)),
    policy,
  );
  expect(check).toMatchObject({ outcome: "fail" });
  expect(check.text).toBe("worst slice is class falling: -10.0 points on 100 samples, margin -5.0");
});

it("[HB82] a slice with too few samples is shown and not judged", () => {
  const check = judgeSlices(
    answers(cell("p1", "walking", 50, 50), cell("p1", "falling", 5, 0, 10)),
    policy,
  );
  expect(check.outcome).toBe("pass");
  expect(check.evidence["slices"]).toContainEqual(
    expect.objectContaining({ name: "falling", isJudged: false }),
  );
  expect(judgeSlices(answers(cell("p1", "walking", 5, 0, 10)), policy).outcome).toBe("skipped");
});

it("[HB83] answers that are NaN, or a norm above the limit or NaN, are no model", () => {
  const fine = { norm: 1, normMax: 10, notFiniteCount: 0, brokenVariance: null };
  expect(judgeSanity(fine).outcome).toBe("pass");
  expect(judgeSanity({ ...fine, notFiniteCount: 1 }).outcome).toBe("fail");
  expect(judgeSanity({ ...fine, norm: 10.1 }).outcome).toBe("fail");
  expect(judgeSanity({ ...fine, norm: Number.NaN }).outcome).toBe("fail");
  expect(judgeSanity({ ...fine, norm: null, notFiniteCount: null }).outcome).toBe("pass");
});

const shadow = defaultPolicy.gate.shadow;
const pairs = (...list: [number, number, number][]) =>
  list.map(([n, wins, losses], index) => ({ device: `d${index}` as never, n, wins, losses }));

it("[HB84] the devices' comparison passes on evidence, and needs its least number of devices", () => {
  expect(judgeShadow(pairs([40, 6, 0], [40, 5, 0], [40, 4, 0]), shadow).outcome).toBe("pass");
  expect(judgeShadow(pairs([40, 20, 0], [40, 20, 0]), shadow)).toMatchObject({
    outcome: "wait",
    text: "2 of 3 devices have compared",
  });
  expect(judgeShadow(pairs([40, 2, 1], [40, 1, 1], [40, 1, 0]), shadow).outcome).toBe("wait");
  expect(judgeShadow(pairs([40, 0, 6], [40, 0, 5], [40, 0, 4]), shadow).outcome).toBe("fail");
});

it("[HB84] one device that claims a thousand wins counts for its cap and no more", () => {
  const honest = pairs([40, 0, 6], [40, 1, 6], [40, 0, 7]);
  const lying = [...honest, { device: "liar" as never, n: 1000, wins: 1000, losses: 0 }];
  expect(judgeShadow(lying, { ...shadow, discordantPerDeviceMax: 8 }).outcome).not.toBe("pass");
});
