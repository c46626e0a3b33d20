import { expect, it } from "vitest";
import { createOodInput, defaultOodInput, oodInputLength, vectorsOf } from "./oodInput.ts";
import type { Preprocessing } from "./preprocessing.ts";
import { createWatchedFeatures } from "./watchedFeatures.ts";

const named = (...names: readonly string[]): Preprocessing["channels"] =>
  names.map((name) => ({ name, offset: 0, scale: 1 }));
const preprocessing: Preprocessing = {
  labels: ["a", "b"],
  channels: named("acc_x", "acc_y", "acc_z", "heart"),
  windowSamples: 8,
  hopSamples: 4,
  sampleRateHz: 50,
  layout: "channelsFirst",
};

it("[DR5] axes are found by their names, in order, and only as neighbours", () => {
  expect(vectorsOf(named("acc_x", "acc_y", "acc_z", "heart", "gx", "gy"))).toEqual([
    [0, 1, 2],
    [4, 5],
  ]);
  expect(vectorsOf(named("x", "temperature", "y", "pox"))).toEqual([]);
});

it("[DR5] signals are described by features and statistics, feature vectors by the features alone", () => {
  const spec = defaultOodInput(preprocessing, 10);
  expect(spec).toEqual({ reads: "both", vectors: [[0, 1, 2]] });
  expect(oodInputLength(spec, preprocessing, 10)).toBe(10 + 4 * 5 + 3);
  expect(defaultOodInput({ ...preprocessing, windowSamples: 1 }, 10).reads).toBe("features");
  // More than a profile may have.
  expect(defaultOodInput(preprocessing, 1020).reads).toBe("features");
});

it("[DR5] what is written is the features, then the statistics of the same window", () => {
  const windows = Float32Array.from({ length: 64 }, (_, at) => at);
  const features = Float32Array.of(7, 8, 9);
  const fill = (reads: "features" | "statistics" | "both"): Float32Array => {
    const input = createOodInput({ reads, vectors: [] }, preprocessing, 2);
    const into = new Float32Array(input.length);
    input.fill(windows, 32, features, 1, into, 0);
    return into;
  };
  const [one, other, both] = [fill("features"), fill("statistics"), fill("both")];
  expect([...one]).toEqual([8, 9]);
  // Means of the four channels of the second window.
  expect([...other.subarray(0, 4)]).toEqual([35.5, 43.5, 51.5, 59.5]);
  expect([...both]).toEqual([...one, ...other]);
});

it("[DR5] statistics that are watched as well are handed on, those of other vectors are not", () => {
  const windows = Float32Array.from({ length: 32 }, (_, at) => Math.sin(at));
  const spec = defaultOodInput(preprocessing, 2);
  const input = createOodInput(spec, preprocessing, 2);
  input.fill(windows, 0, Float32Array.of(1, 2), 0, new Float32Array(input.length), 0);
  expect(input.statistics).toEqual(createWatchedFeatures(preprocessing).of(windows));
  expect(createOodInput({ ...spec, vectors: [] }, preprocessing, 2).statistics).toBeNull();
  expect(createOodInput({ ...spec, reads: "features" }, preprocessing, 2).statistics).toBeNull();
});
