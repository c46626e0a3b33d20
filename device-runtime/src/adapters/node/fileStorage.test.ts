import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Fault } from "@attune/protocol";
import { afterAll, beforeAll, expect, it } from "vitest";
import { storageContract } from "../storage.contract.ts";
import { createFileStorage } from "./fileStorage.ts";

let scratch = "";
let folderCount = 0;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "attune-storage-"));
});
afterAll(() => rm(scratch, { recursive: true, force: true }));

const freshFolder = (): string => join(scratch, String(folderCount++), "store");

storageContract("files", async () => {
  const folder = freshFolder();
  return {
    storage: await createFileStorage(folder),
    reopen: () => createFileStorage(folder),
  };
});

it("[ST3] the folder and its files are the owner's alone", async () => {
  const folder = freshFolder();
  const storage = await createFileStorage(folder);
  await storage.write("a", Uint8Array.of(1));
  await storage.append("b", Uint8Array.of(1));
  expect((await stat(folder)).mode & 0o777).toBe(0o700);
  for (const name of ["a", "b"]) expect((await stat(join(folder, name))).mode & 0o777).toBe(0o600);
});

it("[ST3] what is not the device's is neither listed nor touched", async () => {
  const folder = freshFolder();
  const storage = await createFileStorage(folder);
  await writeFile(join(folder, ".keep"), "");
  await writeFile(join(folder, "README"), "");
  await mkdir(join(folder, "folder"));
  await storage.write("a", Uint8Array.of(1));
  expect(await storage.list()).toEqual(["a"]);
  expect((await readdir(folder)).sort()).toEqual([".keep", "README", "a", "folder"]);
});

it("[ST3] a folder that cannot be one is a Fault that names it and says what to do", async () => {
  const file = join(scratch, "not-a-folder");
  await writeFile(file, "");
  const failed = await createFileStorage(join(file, "store")).catch((error: unknown) => error);
  expect(failed).toBeInstanceOf(Fault);
  expect((failed as Fault).code).toBe("store.io_failed");
  expect((failed as Fault).message).toContain(file);
  expect((failed as Fault).hint).not.toBe("");
});
