// Against the detections that river and scikit-multiflow publish, and against our own numbers where the data is not.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { createSeededRandom } from "../../adapters/seededRandom.ts";
import { createAdwin } from "./adwin.ts";
import { createCusum } from "./cusum.ts";
import { createDdm } from "./ddm.ts";
import type { DriftDetector } from "./driftDetector.ts";
import { createEddm } from "./eddm.ts";
import { createHddmA } from "./hddmA.ts";
import { createHddmW } from "./hddmW.ts";
import { createKswin } from "./kswin.ts";
import { createPageHinkley } from "./pageHinkley.ts";

const vectorsPath = join(process.env["ATTUNE_DATA"] ?? "./data", "drift-vectors", "vectors.json");

interface DetectorCase {
  readonly stream: string;
  readonly detector: string;
  readonly variant: "river" | "scikit-multiflow";
  readonly params: Readonly<Record<string, number | boolean>>;
  readonly detections: readonly number[];
  readonly firstWarnings?: readonly number[];
}

interface Vectors {
  readonly streams: Readonly<Record<string, { readonly values: string }>>;
  readonly detectorCases: readonly DetectorCase[];
}

function detectorOf({ detector, variant, params }: DetectorCase): DriftDetector<unknown> {
  const isTwoSided = params["twoSided"] === true;
  switch (detector) {
    case "ADWIN":
      return createAdwin({ variant, delta: Number(params["delta"]) });
    case "PageHinkley":
      return createPageHinkley({
        variant,
        warmUpCount: Number(params["minInstances"]),
        slack: Number(params["delta"]),
        driftSum: Number(params["threshold"]),
        keptShare: Number(params["alpha"]),
      });
    case "DDM":
      return createDdm({
        warmUpCount: Number(params["warmStart"] ?? params["minNumInstances"]),
        warningDeviations: Number(params["warning"]),
        driftDeviations: Number(params["drift"]),
      });
    case "EDDM":
      return createEddm();
    case "HDDM_A":
      return createHddmA({ variant, isTwoSided });
    case "HDDM_W":
      // River's rule was scikit-multiflow's at the commit that the vectors name.
      return createHddmW({ variant: "scikit-multiflow", isTwoSided });
    default:
      throw new Error(`no detector for ${detector}`);
  }
}

/** Where drift was said, and the first warning after the start and after each drift. */
function run(
  detector: DriftDetector<unknown>,
  digits: string,
): { drifts: number[]; warnings: number[] } {
  const drifts: number[] = [];
  const warnings: number[] = [];
  let isWarned = false;
  for (let index = 0; index < digits.length; index++) {
    const level = detector.observe(Number(digits[index]));
    if (level === "warning" && !isWarned) warnings.push(index);
    if (level === "warning") isWarned = true;
    if (level === "drift") {
      drifts.push(index);
      isWarned = false;
    }
  }
  return { drifts, warnings };
}

it("[LC80] every published detection is found, at its sample and nowhere else", (context) => {
  if (!existsSync(vectorsPath)) {
    context.skip("needs the drift vectors: set ATTUNE_DATA to the folder that has drift-vectors/");
  }
  const { streams, detectorCases } = JSON.parse(readFileSync(vectorsPath, "utf8")) as Vectors;
  expect(detectorCases.length).toBeGreaterThanOrEqual(19);
  for (const published of detectorCases) {
    const { stream, detector, variant, detections, firstWarnings } = published;
    const found = run(detectorOf(published), streams[stream]?.values ?? "");
    expect({ stream, detector, variant, drifts: found.drifts }).toEqual({
      stream,
      detector,
      variant,
      drifts: detections,
    });
    expect(firstWarnings === undefined ? undefined : found.warnings).toEqual(firstWarnings);
  }
});

/** Our own stream: an error in ten for 300 observations, then one in two, from a linear congruence. */
function ownStream(): string {
  let seed = 12345;
  let digits = "";
  for (let index = 0; index < 600; index++) {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    digits += seed / 2 ** 32 < (index < 300 ? 0.1 : 0.5) ? "1" : "0";
  }
  return digits;
}

it("[LC80] each rule finds a step in our own stream where it always did", () => {
  const digits = ownStream();
  expect(digits.slice(0, 40)).toBe("1100000000100100000000000000100100001000");
  const found = {
    adwin: run(createAdwin(), digits).drifts,
    adwinKept: run(createAdwin({ variant: "scikit-multiflow" }), digits).drifts,
    ddm: run(createDdm(), digits).drifts,
    eddm: run(createEddm(), digits).drifts,
    hddmA: run(createHddmA({ isTwoSided: true }), digits).drifts,
    hddmW: run(createHddmW({ isTwoSided: true }), digits).drifts,
    pageHinkley: run(createPageHinkley({ driftSum: 10 }), digits).drifts,
    cusum: run(createCusum({ target: 0.1, slack: 0.1, driftSum: 5 }), digits).drifts,
    kswin: run(createKswin(createSeededRandom("kswin"), { alpha: 0.0001 }), digits).drifts,
  };
  expect(found).toEqual({
    adwin: [447],
    adwinKept: [447, 575],
    ddm: [328],
    eddm: [312, 381, 447, 512, 598],
    hddmA: [325],
    hddmW: [330],
    pageHinkley: [325],
    cusum: [318, 338, 363, 377, 393, 407, 425, 439, 465, 481, 495, 510, 551, 580],
    kswin: [],
  });
});

it("[LC80] EDDM meets the first error after a thousand right answers as MOA does", () => {
  const { drifts } = run(createEddm(), "0".repeat(1000) + "1".repeat(1000));
  expect(drifts[0]).toBe(1030);
});
