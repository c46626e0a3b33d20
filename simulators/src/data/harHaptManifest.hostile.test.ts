// Manifests that do not fit themselves or point elsewhere.
import { Fault } from "@attune/protocol";
import { expect, it } from "vitest";
import { tinyHapt } from "../../test/tinyHapt.ts";
import { parseHarHaptManifest } from "./harHaptManifest.ts";

const codeOf = (text: string): string => {
  try {
    parseHarHaptManifest(text);
    return "";
  } catch (error) {
    return error instanceof Fault ? error.code : String(error);
  }
};

it("[DA1] a manifest that fits is read", () => {
  const { manifest } = tinyHapt();
  expect(parseHarHaptManifest(JSON.stringify(manifest)).scalePerChannel).toHaveLength(6);
});

it.each<[string, (files: Record<string, Record<string, unknown>>) => void]>([
  ["points outside its folder", (files) => Object.assign(files["x"] ?? {}, { file: "../x.bin" })],
  ["has no digest", (files) => Object.assign(files["x"] ?? {}, { sha256: "abc" })],
  ["is big-endian", (files) => Object.assign(files["x"] ?? {}, { endian: "big" })],
  ["has five channels", (files) => Object.assign(files["x"] ?? {}, { shape: [400, 5] })],
  ["has other bytes than its shape", (files) => Object.assign(files["x"] ?? {}, { bytes: 7 })],
  [
    "has fewer labels than windows",
    (files) => Object.assign(files["windowLabel"] ?? {}, { shape: [1], bytes: 1 }),
  ],
  [
    "has other features than it names",
    (files) => Object.assign(files["windowFeatures"] ?? {}, { shape: [4, 35], bytes: 560 }),
  ],
])("[DA1] that %s is data.manifest_invalid", (_, spoil) => {
  const { manifest } = tinyHapt();
  spoil(manifest.files);
  expect(codeOf(JSON.stringify(manifest))).toBe("data.manifest_invalid");
});

it("[DA1] that is not JSON, or of another data set, is data.manifest_invalid", () => {
  expect(codeOf("{")).toBe("data.manifest_invalid");
  expect(codeOf(JSON.stringify({ ...tinyHapt().manifest, name: "elec2" }))).toBe(
    "data.manifest_invalid",
  );
  expect(codeOf(JSON.stringify({ ...tinyHapt().manifest, sampleRateHz: 100 }))).toBe(
    "data.manifest_invalid",
  );
});
