import fc from "fast-check";
import { expect, it } from "vitest";
import {
  type BusinessRule,
  type BusinessRulesState,
  businessRulesMax,
  createBusinessRules,
  rateWindowsMax,
} from "./businessRules.ts";
import { checkBusinessRules } from "./checkBusinessRules.ts";

const labels = ["lying", "standing", "running"];
const [lying, standing, running] = [0, 1, 2];
const rules: readonly BusinessRule[] = [
  { kind: "duration", name: "runs end", label: "running", windowsMax: 3 },
  { kind: "rate", name: "rest", label: "lying", windows: 4, shareMin: 0, shareMax: 0.5 },
  { kind: "transition", name: "stand first", from: "lying", to: "running" },
];

const told = (answers: readonly number[]): (readonly string[])[] => {
  const watch = createBusinessRules(rules, labels);
  return answers.map((answered) => (watch.observe(answered) ?? []).map(({ rule }) => rule));
};

it("[LC73] what lasts too long is told once, and again after it has ended", () => {
  expect(told([running, running, running, running, running])).toEqual([
    [],
    [],
    [],
    ["runs end"],
    [],
  ]);
  const again = told([
    ...Array.from({ length: 4 }, () => running),
    standing,
    ...Array.from({ length: 4 }, () => running),
  ]);
  expect(again.flat()).toEqual(["runs end", "runs end"]);
});

it("[LC73] a rate counts its last windows only, once there are as many", () => {
  expect(told([lying, lying, lying])).toEqual([[], [], []]);
  expect(told([lying, standing, lying, lying, standing, standing, lying, lying, lying])).toEqual([
    [],
    [],
    [],
    ["rest"],
    [],
    [],
    [],
    [],
    ["rest"],
  ]);
  const watch = createBusinessRules(
    [{ kind: "rate", name: "moves", label: "running", windows: 2, shareMin: 0.5, shareMax: 1 }],
    labels,
  );
  expect([running, lying, lying].map((one) => watch.observe(one)?.[0]?.rule ?? null)).toEqual([
    null,
    null,
    "moves",
  ]);
});

it("[LC73] a forbidden step is told each time, with what was seen; counts are reported", () => {
  const watch = createBusinessRules(rules, labels);
  const messages = [lying, running, standing, lying, running].flatMap(
    (answered) => watch.observe(answered) ?? [],
  );
  expect(messages).toEqual([
    { rule: "stand first", message: "running came at once after lying" },
    { rule: "stand first", message: "running came at once after lying" },
  ]);
  expect(watch.report()).toEqual([
    { rule: "runs end", count: 0, isBroken: false },
    { rule: "rest", count: 0, isBroken: false },
    { rule: "stand first", count: 2, isBroken: true },
  ]);
});

it("[LC71] stopped anywhere it goes on as if it had not been", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 60 }),
      fc.nat(60),
      (answers, cut) => {
        const through = createBusinessRules(rules, labels);
        let stopped = createBusinessRules(rules, labels);
        answers.forEach((answered, at) => {
          if (at === cut) stopped = createBusinessRules(rules, labels, stopped.state());
          expect(stopped.observe(answered)).toEqual(through.observe(answered));
        });
        expect(stopped.state()).toEqual(through.state());
      },
    ),
  );
});

it("[LC71] under other rules answers are kept and everything is counted anew, under other labels nothing is kept", () => {
  const through = createBusinessRules(rules, labels);
  for (let window = 0; window < 5; window++) through.observe(running);
  const state = through.state();
  expect(through.report()[0]).toEqual({ rule: "runs end", count: 1, isBroken: true });
  const anew = rules.map(({ name }) => ({ rule: name, count: 0, isBroken: false }));

  const others = rules.map((rule) => ({ ...rule, name: `other ${rule.name}` }));
  const other = createBusinessRules(others, labels, state);
  expect(other.report().every(({ count, isBroken }) => count === 0 && !isBroken)).toBe(true);
  expect(other.state().recent).toEqual(state.recent);
  // The run goes on, so the new rule is broken at once, and told.
  expect(other.observe(running)).toMatchObject([{ rule: "other runs end" }]);
  const longer = rules.map((rule, at) => (at === 0 ? { ...rule, windowsMax: 9 } : rule));
  expect(createBusinessRules(longer, labels, state).report()).toEqual(anew);

  const turned = createBusinessRules(rules, labels.toReversed(), state);
  expect(turned.report()).toEqual(anew);
  expect(turned.state()).toMatchObject({ recent: new Uint16Array(0), run: 0 });
});

it("[LC71] a state of no known version, or that is spoilt, is left aside", () => {
  const through = createBusinessRules(rules, labels);
  for (let window = 0; window < 5; window++) through.observe(running);
  const state = through.state();
  const fresh = createBusinessRules(rules, labels).state();
  const { version, labels: ofLabels, rules: ofRules, ...first } = state;
  expect([version, ofLabels, ofRules].every(Number.isSafeInteger)).toBe(true);
  for (const spoilt of [
    first,
    { ...state, version: 2 },
    { ...state, recent: [1, 2] },
    { ...state, run: Number.NaN },
    { ...state, broken: null },
    { ...state, counts: [Number.NaN, -1, 0.5] },
  ]) {
    const left = createBusinessRules(rules, labels, spoilt as unknown as BusinessRulesState);
    expect(left.state()).toEqual(fresh);
  }
});

it("[LC73] an answer that is no label's is a defect and no other label's", () => {
  const watch = createBusinessRules(rules, labels);
  for (const answered of [65_536, 3, -1, 0.5, Number.NaN]) {
    expect(() => watch.observe(answered)).toThrow(
      expect.objectContaining({ code: "validation.answer_invalid" }),
    );
  }
  expect(watch.state().recent.length).toBe(0);
});

it("[LC71] a rate equals a count of the last windows, at any length", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 80 }),
      fc.integer({ min: 1, max: 20 }),
      (answers, windows) => {
        const watch = createBusinessRules(
          [{ kind: "rate", name: "rate", label: "lying", windows, shareMin: 0, shareMax: 0.5 }],
          labels,
        );
        answers.forEach((answered, at) => {
          watch.observe(answered);
          const recent = answers.slice(Math.max(0, at + 1 - windows), at + 1);
          const share = recent.filter((one) => one === lying).length / windows;
          expect(watch.report()[0]?.isBroken).toBe(recent.length === windows && share > 0.5);
        });
        expect(watch.state().recent.length).toBeLessThanOrEqual(windows);
      },
    ),
  );
});

it("[LC72] rules about labels that are not there, and limits that cannot be, are refused", () => {
  const codeOf = (...wrong: readonly object[]): string | null => {
    const outcome = checkBusinessRules(wrong as unknown as readonly BusinessRule[], labels);
    return outcome.ok ? null : outcome.refusal.code;
  };
  expect(codeOf(...rules)).toBeNull();
  const [duration, rate, transition] = rules as readonly [object, object, object];
  for (const wrong of [
    { ...duration, label: "flying" },
    { ...duration, windowsMax: 0 },
    { ...rate, windows: rateWindowsMax + 1 },
    { ...rate, shareMin: 0.6 },
    { ...rate, shareMax: 2 },
    { ...rate, shareMin: Number.NaN },
    { ...transition, to: "lying" },
    { ...transition, from: "flying" },
  ]) {
    expect(codeOf(wrong)).toBe("input.shape_mismatch");
  }
  expect(codeOf(duration, duration)).toBe("input.shape_mismatch");
  const { name: named, ...nameless } = duration as { readonly name: string };
  expect(named).toBe("runs end");
  for (const wrong of [
    null,
    undefined,
    7,
    [],
    {},
    nameless,
    { ...duration, name: "" },
    { ...duration, name: "n".repeat(2 ** 20) },
    { ...duration, name: { toString: () => "n" } },
    { ...duration, kind: "never" },
    { ...duration, kind: undefined },
    { ...duration, label: null },
    { ...duration, windowsMax: "3" },
    { ...rate, shareMin: "0" },
  ]) {
    expect(codeOf(wrong as object)).toBe("input.shape_mismatch");
  }
  for (const wrong of [null, undefined, 7, "rules", {}, { length: 1 }]) {
    const outcome = checkBusinessRules(wrong as unknown as readonly BusinessRule[], labels);
    expect(outcome).toMatchObject({ ok: false, refusal: { code: "input.shape_mismatch" } });
  }
  const many = Array.from({ length: businessRulesMax + 1 }, (_, at) => ({
    ...duration,
    name: `${at}`,
  }));
  expect(codeOf(...many)).toBe("input.shape_mismatch");
});
