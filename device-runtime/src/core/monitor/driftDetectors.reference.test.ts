// Against the detections that river and scikit-multiflow publish, and against our own numbers where the data is not.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { createAdwin } from "./adwin.ts";
import { createDdm } from "./ddm.ts";
import type { DriftDetector } from "./driftDetector.ts";
import { createEddm } from "./eddm.ts";
import { createHddmA } from "./hddmA.ts";
import { createHddmW } from "./hddmW.ts";
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
    if (firstWarnings !== undefined) expect(found.warnings).toEqual(firstWarnings);
  }
});
