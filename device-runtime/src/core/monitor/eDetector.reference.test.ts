// Against the published definition: literal numbers here, every case of the drift vectors where the data is.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { createEDetector } from "./eDetector.ts";

const vectorsPath = join(process.env["ATTUNE_DATA"] ?? "./data", "drift-vectors", "vectors.json");

interface DriftVectors {
  readonly streams: Record<string, { readonly values: string }>;
  readonly eShiryaevRoberts: {
    readonly cases: readonly {
      readonly stream: string;
      readonly m0: number;
      readonly arl: number;
      readonly lambdaMultipliers: readonly number[];
      readonly alarms: readonly number[];
      readonly finalM: readonly number[];
    }[];
  };
}

function run(
  digits: string,
  referenceRate: number,
  averageRunLengthMin: number,
  multipliers?: readonly number[],
): { alarms: number[]; wealth: readonly number[] } {
  const detector = createEDetector(
    multipliers === undefined
      ? { referenceRate, averageRunLengthMin }
      : { referenceRate, averageRunLengthMin, multipliers },
  );
  const alarms: number[] = [];
  for (let index = 0; index < digits.length; index++) {
    if (detector.observe(Number(digits[index]))) alarms.push(index);
  }
  return { alarms, wealth: detector.state().wealth };
}

/** The first 60 values of the stream river-norm-12345. */
const literalStream = "010011111110111100100110011111000001010100000110111101100110";

it("[LC10] alarms and wealth of a literal stream are those of the definition", () => {
  const { alarms, wealth } = run(literalStream, 0.22, 10_000);
  expect(alarms).toEqual([14, 58]);
  // One observation, a zero, after the alarm at 58: (1 - λ 0.22) · (0 + 1) with λ = 3 · multiplier.
  [0.934, 0.835, 0.67, 0.406].forEach((expected, index) => {
    expect(wealth[index]).toBeCloseTo(expected, 12);
  });
});

it("[LC10] alarms and wealth of 2,000 values of each published stream are exact", (context) => {
  if (!existsSync(vectorsPath)) {
    context.skip("needs the drift vectors: set ATTUNE_DATA to the folder that has drift-vectors/");
  }
  const vectors = JSON.parse(readFileSync(vectorsPath, "utf8")) as DriftVectors;
  expect(vectors.eShiryaevRoberts.cases.length).toBeGreaterThanOrEqual(10);
  for (const expected of vectors.eShiryaevRoberts.cases) {
    const digits = vectors.streams[expected.stream]?.values ?? "";
    expect(digits.length).toBe(2000);
    const { alarms, wealth } = run(digits, expected.m0, expected.arl, expected.lambdaMultipliers);
    expect(alarms).toEqual(expected.alarms);
    expected.finalM.forEach((value, index) => {
      expect(Math.abs((wealth[index] as number) - value)).toBeLessThanOrEqual(1e-9 * value);
    });
  }
});
