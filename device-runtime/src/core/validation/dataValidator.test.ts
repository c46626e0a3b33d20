import { Defect } from "@attune/protocol";
import fc from "fast-check";
import { expect, it } from "vitest";
import { checkDataRules, type DataRules, duplicateMemoryMax, noDataRules } from "./dataRules.ts";
import {
  createDataValidator,
  type DataShape,
  type DataValidator,
  type DataValidatorState,
} from "./dataValidator.ts";

const shape: DataShape = {
  channelNames: ["acc", "heart"],
  windowSamples: 8,
  layout: "channelsFirst",
  sampleRateHz: 50,
};
const rules: DataRules = {
  channels: [
    {
      channel: "acc",
      range: { min: -16, max: 16 },
      stuckSamples: 5,
      saturation: { low: -8, high: 8, shareMax: 0.25 },
    },
    { channel: "heart", range: { min: 30, max: 230 }, missing: { value: -1, shareMax: 0.25 } },
  ],
  duplicateMemory: 4,
  gapMsMax: 100,
};
const acc = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8];
const heart = [60, 61, 62, 63, 64, 65, 66, 67];

function windowOf(first: readonly number[] = acc, second: readonly number[] = heart): Float32Array {
  return Float32Array.from([...first, ...second]);
}
const codeOfCheck = (validator: DataValidator, window: Float32Array): string | null =>
  validator.check(window)?.code ?? null;
const replaced = (values: readonly number[], count: number, value: number): number[] =>
  values.map((one, at) => (at < count ? value : one));

it("[LC70] each kind of unsound data has its code, and names the channel and the limit", () => {
  const validator = createDataValidator(rules, shape);
  const cases: readonly [Float32Array, string, RegExp][] = [
    [windowOf(acc, replaced(heart, 3, -1)), "input.value_missing", /heart has no value in 3 of 8/],
    [windowOf(replaced(acc, 1, 17)), "input.value_outside", /acc gave 17, it measures -16 to 16/],
    [windowOf(acc, replaced(heart, 1, 20)), "input.value_outside", /heart gave 20/],
    [
      windowOf([9, 1, 9, 2, -9, 3, 4, 5]),
      "input.channel_saturated",
      /acc was at its end in 3 of 8/,
    ],
    [
      windowOf(replaced(acc, 5, 0)),
      "input.channel_stuck",
      /acc gave the same value 5 times.*limit 5/,
    ],
  ];
  for (const [window, code, text] of cases) {
    const finding = validator.check(window);
    expect(finding?.code).toBe(code);
    expect(finding?.message).toMatch(text);
    expect(validator.counts().last).toEqual(finding);
  }
  const { windows, quarantined, problems } = validator.counts();
  expect([windows, quarantined]).toEqual([5, 5]);
  expect(problems["input.value_outside"]).toBe(2);
  expect(problems["input.channel_stuck"]).toBe(1);
});

it("[LC70] what is within every limit is sound, to the limit itself", () => {
  const validator = createDataValidator(rules, shape);
  for (const window of [
    windowOf(),
    windowOf(replaced(acc, 4, 0)),
    windowOf(acc, replaced(heart, 2, -1)),
    windowOf([9, -9, 1, 2, 3, 4, 5, 6]),
    windowOf(replaced(acc, 1, 16)),
  ]) {
    expect(validator.check(window)).toBeNull();
  }
  expect(validator.counts()).toMatchObject({ windows: 5, quarantined: 0, last: null });
});

it("[LC70] limits that Float32 cannot hold are met by a sensor that is at them", () => {
  for (const end of [1.3, 8.7266, 4.36332, 0.7, 19.6133, 0.1]) {
    const alone = { ...shape, channelNames: ["acc"] };
    const ofRule = (rule: object): DataValidator =>
      createDataValidator({ ...noDataRules, channels: [{ channel: "acc", ...rule }] }, alone);
    const window = Float32Array.from([end, -end, end, -end, end, -end, end, -end]);
    const saturation = { low: -end, high: end, shareMax: 0.5 };
    expect(codeOfCheck(ofRule({ saturation }), window)).toBe("input.channel_saturated");
    expect(codeOfCheck(ofRule({ range: { min: -end, max: end } }), window)).toBeNull();
    const beyond = window.map((value) => value * 1.0001);
    expect(codeOfCheck(ofRule({ range: { min: -end, max: end } }), beyond)).toBe(
      "input.value_outside",
    );
  }
});

it("[LC70] a share of samples is met by as many as it says, whatever its binary form", () => {
  const long = { ...shape, channelNames: ["acc"], windowSamples: 100 };
  for (let count = 1; count < 100; count++) {
    const validator = createDataValidator(
      {
        ...noDataRules,
        channels: [{ channel: "acc", missing: { value: -9999, shareMax: count / 100 } }],
      },
      long,
    );
    const gaps = (missing: number): Float32Array =>
      Float32Array.from({ length: 100 }, (_, at) => (at < missing ? -9999 : at));
    expect(validator.check(gaps(count))).toBeNull();
    expect(validator.check(gaps(count + 1))?.message).toMatch(`limit ${count};`);
  }
});

it("[LC100] a number that is none is found whatever the rules are; where a value may be missing it is a missing one", () => {
  for (const layout of ["channelsFirst", "samplesFirst"] as const) {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      for (const [at, name] of [
        [0, "acc"],
        [15, "heart"],
      ] as const) {
        const window = windowOf();
        window[at] = value;
        for (const some of [noDataRules, { ...noDataRules, duplicateMemory: 4 }]) {
          const finding = createDataValidator(some, { ...shape, layout }).check(window);
          expect(finding?.code).toBe("input.not_finite");
          expect(finding?.message).toMatch(`channel ${name} gave ${value}`);
        }
      }
    }
  }
  const validator = createDataValidator(rules, shape);
  const nothing = replaced(heart, 8, Number.NaN);
  expect(codeOfCheck(validator, windowOf(acc, nothing))).toBe("input.value_missing");
  expect(codeOfCheck(validator, windowOf(nothing, heart))).toBe("input.not_finite");
  // As many as may be missing are no reason to take them for numbers.
  expect(codeOfCheck(validator, windowOf(acc, nothing.with(0, 60).fill(60, 2)))).toBe(
    "input.not_finite",
  );
  expect(validator.counts()).toMatchObject({ windows: 3, quarantined: 3 });
  expect(validator.counts().problems["input.not_finite"]).toBe(2);
});

it("[LC70] of several problems the first in the list is the reason, whichever channel has it", () => {
  const validator = createDataValidator(rules, shape);
  const both = windowOf(replaced(acc, 6, 0), replaced(heart, 3, -1));
  expect(codeOfCheck(validator, both)).toBe("input.value_missing");
});

it("[LC70] windows of samples first are read alike", () => {
  const validator = createDataValidator(rules, { ...shape, layout: "samplesFirst" });
  const stuck = Float32Array.from({ length: 16 }, (_, at) => (at % 2 === 0 ? 0.5 : 60 + at));
  expect(codeOfCheck(validator, stuck)).toBe("input.channel_stuck");
});

it("[LC70] the same window twice is a duplicate while it is remembered; one bit more is another", () => {
  const validator = createDataValidator(rules, shape);
  const numbered = (place: number): Float32Array => windowOf([...acc.slice(1), place / 64]);
  expect(codeOfCheck(validator, numbered(0))).toBeNull();
  expect(codeOfCheck(validator, numbered(0))).toBe("input.window_duplicated");
  for (let place = 1; place <= 4; place++)
    expect(codeOfCheck(validator, numbered(place))).toBeNull();
  expect(codeOfCheck(validator, numbered(0))).toBeNull();
  expect(codeOfCheck(validator, numbered(4))).toBe("input.window_duplicated");
});

it("[LC70] a window that comes again is remembered anew: the oldest that goes is the one that came longest ago", () => {
  const numbered = (place: number): Float32Array => windowOf([...acc.slice(1), place / 64]);
  const codes = (memory: number, order: readonly number[]): readonly (string | null)[] => {
    const validator = createDataValidator({ ...rules, duplicateMemory: memory }, shape);
    return order.map((place) => codeOfCheck(validator, numbered(place)));
  };
  const again = "input.window_duplicated";
  expect(codes(2, [1, 2, 1, 3, 1])).toEqual([null, null, again, null, again]);
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 6 }),
      fc.array(fc.integer({ min: 0, max: 8 }), { maxLength: 40 }),
      (memory, order) => {
        let known: readonly number[] = [];
        const expected = order.map((place) => {
          const isKnown = known.includes(place);
          known = [...known.filter((one) => one !== place), place].slice(-memory);
          return isKnown ? again : null;
        });
        expect(codes(memory, order)).toEqual(expected);
      },
    ),
  );
});

it("[LC70] a gap is what time has passed beyond the samples; a clock that is set back is none", () => {
  const validator = createDataValidator(rules, shape);
  expect(validator.checkGap(50, 10_000)).toBeNull();
  expect(validator.checkGap(50, 11_100)).toBeNull();
  expect(validator.checkGap(50, 12_201)).toMatchObject({
    code: "input.sampling_gap",
    message: expect.stringMatching(/^101 ms are missing/),
  });
  expect(validator.checkGap(50, 0)).toBeNull();
  expect(validator.checkGap(50, 1_000)).toBeNull();
  expect(validator.counts()).toMatchObject({ quarantined: 0, windows: 0 });
  expect(validator.counts().problems["input.sampling_gap"]).toBe(1);
});

it("[LC71] stopped anywhere it goes on as if it had not been, also with less to remember", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 7 }), { maxLength: 40 }),
      fc.nat(40),
      (order, cut) => {
        const windows = order.map((place) => windowOf([...acc.slice(1), place / 64]));
        const through = createDataValidator(rules, shape);
        let stopped = createDataValidator(rules, shape);
        windows.forEach((window, at) => {
          if (at === cut) stopped = createDataValidator(rules, shape, stopped.state());
          expect(codeOfCheck(stopped, window)).toBe(codeOfCheck(through, window));
        });
        expect(stopped.state()).toEqual(through.state());
        const less = createDataValidator({ ...rules, duplicateMemory: 2 }, shape, through.state());
        expect(less.state().fingerprints).toEqual(through.state().fingerprints.slice(-4));
      },
    ),
    { numRuns: 50 },
  );
  expect(createDataValidator(noDataRules, shape).check(windowOf())).toBeNull();
});

it("[LC71] a gap over a restart is found", () => {
  const through = createDataValidator(rules, shape);
  through.checkGap(50, 10_000);
  const resumed = createDataValidator(rules, shape, through.state());
  expect(resumed.checkGap(50, 3_600_000)).toMatchObject({ code: "input.sampling_gap" });
  expect(createDataValidator(rules, shape, through.state()).checkGap(50, 11_000)).toBeNull();
  // A time that is none leaves the last one as it was.
  expect(through.checkGap(50, Number.NaN)).toBeNull();
  expect(through.checkGap(50, 11_000)).toBeNull();
});

it("[LC71] a state that is not sound is left aside, one from before versions is read", () => {
  const through = createDataValidator(rules, shape);
  through.check(windowOf());
  through.check(windowOf());
  through.checkGap(50, 10_000);
  const state = through.state();
  const goneOn = (from: unknown): DataValidator =>
    createDataValidator(rules, shape, from as DataValidatorState);
  expect(goneOn(state).state()).toEqual(state);
  const { counts, fingerprints } = state;
  const { "input.not_finite": _, ...olderProblems } = counts.problems;
  const older = { counts: { ...counts, problems: olderProblems }, fingerprints };
  expect(goneOn(older).state()).toEqual({ ...state, sampledAtMs: null });
  const fresh = createDataValidator(rules, shape).state();
  for (const spoilt of [
    { version: 2 },
    { sampledAtMs: Number.NaN },
    { fingerprints: [1, 2] },
    { fingerprints: new Uint32Array(3) },
    { counts: null },
    { counts: { ...counts, windows: Number.NaN } },
    { counts: { ...counts, quarantined: -1 } },
    { counts: { ...counts, problems: null } },
    { counts: { ...counts, problems: { "input.window_duplicated": "7" } } },
    { counts: { ...counts, problems: { unheard: 1 } } },
    { counts: { ...counts, last: { code: "unheard", message: "" } } },
  ]) {
    expect(goneOn({ ...state, ...spoilt }).state()).toEqual(fresh);
  }
});

it("[LC71] a million windows leave no more than the memory that was named", () => {
  const validator = createDataValidator({ ...rules, duplicateMemory: duplicateMemoryMax }, shape);
  const window = windowOf();
  for (let at = 0; at < 1_000_000; at++) {
    window[7] = (at % 1024) / 256;
    validator.check(window);
  }
  expect(validator.state().fingerprints.length).toBe(2 * duplicateMemoryMax);
  expect(validator.counts().windows).toBe(1_000_000);
});

it("[LC72] rules about channels that are not there, and limits that cannot be, are refused", () => {
  const codeOf = (changes: object): string | null => {
    const outcome = checkDataRules({ ...rules, ...changes }, shape.channelNames);
    return outcome.ok ? null : outcome.refusal.code;
  };
  expect(codeOf({})).toBeNull();
  const refused: readonly object[] = [
    { channels: [{ channel: "gps" }] },
    { channels: [{ channel: "acc" }, { channel: "acc" }] },
    { channels: [{ channel: "acc", range: { min: 1, max: 1 } }] },
    { channels: [{ channel: "acc", range: { min: Number.NaN, max: 1 } }] },
    { channels: [{ channel: "acc", stuckSamples: 1 }] },
    { channels: [{ channel: "acc", missing: { value: Number.NaN, shareMax: 0 } }] },
    { channels: [{ channel: "acc", saturation: { low: 1, high: 0, shareMax: 0.1 } }] },
    { channels: [{ channel: "acc", saturation: { low: 0, high: 1, shareMax: 1 } }] },
    { duplicateMemory: duplicateMemoryMax + 1 },
    { duplicateMemory: 0.5 },
    { gapMsMax: -1 },
    { gapMsMax: Number.POSITIVE_INFINITY },
    { gapMsMax: undefined },
    { gapMsMax: "7" },
    { duplicateMemory: "7" },
    { channels: null },
    { channels: {} },
    { channels: [null] },
    { channels: ["acc"] },
    { channels: [{}] },
    { channels: [{ channel: "acc", range: null }] },
    { channels: [{ channel: "acc", range: 3 }] },
    { channels: [{ channel: "acc", range: { min: "1", max: "2" } }] },
    { channels: [{ channel: "acc", missing: null }] },
    { channels: [{ channel: "acc", missing: { value: 0, shareMax: "0" } }] },
    { channels: [{ channel: "acc", saturation: null }] },
    { channels: [{ channel: "acc", saturation: { low: "0", high: "1", shareMax: 0 } }] },
  ];
  for (const changes of refused) expect(codeOf(changes)).toBe("input.shape_mismatch");
  // A rule that no window can break.
  const never: DataRules = { ...noDataRules, channels: [{ channel: "acc", stuckSamples: 9 }] };
  const ofSamples = (samples: number): boolean =>
    checkDataRules(never, shape.channelNames, samples).ok;
  expect([ofSamples(8), ofSamples(9)]).toEqual([false, true]);
  for (const wrong of [null, undefined, 7, "rules", {}, []]) {
    const outcome = checkDataRules(wrong as DataRules, shape.channelNames);
    expect(outcome).toMatchObject({ ok: false, refusal: { code: "input.shape_mismatch" } });
  }
  expect(() => createDataValidator({ ...rules, gapMsMax: -1 }, shape)).toThrow(Defect);
  expect(() => createDataValidator(rules, shape).check(new Float32Array(3))).toThrow(Defect);
});
