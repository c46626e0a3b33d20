// Loading HAPT: a made-up folder for what can go wrong, the real one for what it says.
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Fault } from "@attune/protocol";
import { afterEach, expect, it } from "vitest";
import { tinyHapt } from "../../test/tinyHapt.ts";
import { windowFeatures } from "../hapt/windowFeatures.ts";
import { hasDataSet } from "./dataFolder.ts";
import { loadHarHapt } from "./loadHarHapt.ts";

const folders: string[] = [];

afterEach(async () => {
  await Promise.all(folders.splice(0).map((folder) => rm(folder, { recursive: true })));
});

/** Writes a data set into a folder of its own. */
async function folderWith({ manifest, files }: ReturnType<typeof tinyHapt>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "attune-data-"));
  folders.push(folder);
  const root = join(folder, "har-hapt");
  await mkdir(root);
  await writeFile(join(root, "manifest.json"), JSON.stringify(manifest));
  await Promise.all([...files].map(([name, bytes]) => writeFile(join(root, name), bytes)));
  return folder;
}

async function faultOf(folder: string): Promise<Fault> {
  const error: unknown = await loadHarHapt(folder).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof Fault) return error;
  throw new Error(`no Fault but ${String(error)}`);
}

it("[DA3] decodes windows channel by channel, by person and in time order", async () => {
  const { people, officialTestSubjects } = await loadHarHapt(await folderWith(tinyHapt()));
  expect(officialTestSubjects).toEqual([2]);
  expect(people.map(({ subject, windows }) => [subject, windows.length])).toEqual([
    [1, 2],
    [2, 2],
  ]);
  const [first, second] = people[1]?.windows ?? [];
  expect(first).toMatchObject({ startMs: 0, endMs: 2560, experiment: 2, classId: 4, label: 3 });
  expect(second).toMatchObject({ startMs: 1280, classId: 7, label: null });
  // Row 200 begins at number 1200 of the stream, which is 200 modulo 1000; its fourth channel is scaled by 2.
  expect(first?.samples[0]).toBe(0.5 * 200);
  expect(first?.samples[1]).toBe(0.5 * 206);
  expect(first?.samples[3 * 128]).toBe(2 * 203);
  expect(first?.features[0]).toBe(72);
});

it("[DA2] a folder that is not there is data.set_missing with the way to get it", async () => {
  const fault = await faultOf("/nowhere");
  expect(fault.code).toBe("data.set_missing");
  expect(fault.message).toContain("/nowhere/har-hapt");
  expect(fault.hint).toContain("ATTUNE_DATA");
  expect(fault.hint).toContain("UCI");
});

it("[DA2] a file that is not there is data.set_missing and named", async () => {
  const tiny = tinyHapt();
  tiny.files.delete("windowlabel.bin");
  const fault = await faultOf(await folderWith(tiny));
  expect(fault.code).toBe("data.set_missing");
  expect(fault.message).toContain("windowlabel.bin");
});

it("[DA1] one flipped bit is data.digest_mismatch", async () => {
  const tiny = tinyHapt();
  const bytes = tiny.files.get("x.bin");
  bytes?.set([(bytes[100] ?? 0) ^ 1], 100);
  const fault = await faultOf(await folderWith(tiny));
  expect(fault.code).toBe("data.digest_mismatch");
  expect(fault.message).toContain("x.bin");
});

it("[DA1] a window outside its person's stream is data.manifest_invalid", async () => {
  const tiny = tinyHapt();
  tiny.manifest["streams"] = [{ experiment: 1, subject: 1, start: 0, length: 400 }];
  expect((await faultOf(await folderWith(tiny))).code).toBe("data.manifest_invalid");
});

it("[DA3] features of the real windows equal those that are shipped", async (context) => {
  if (!hasDataSet("har-hapt")) {
    context.skip("needs HAPT: set ATTUNE_DATA to the folder that has har-hapt/");
  }
  const { people } = await loadHarHapt();
  expect(people).toHaveLength(30);
  expect(people.reduce((sum, { windows }) => sum + windows.length, 0)).toBe(10_929);
  let largest = 0;
  for (const { windows } of people) {
    for (let index = 0; index < windows.length; index += 20) {
      const window = windows[index];
      const computed = windowFeatures(window?.samples ?? new Float32Array());
      computed.forEach((value, feature) => {
        largest = Math.max(largest, Math.abs(value - (window?.features[feature] ?? Number.NaN)));
      });
    }
  }
  expect(largest).toBeLessThan(1e-4);
});
