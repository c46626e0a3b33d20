import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
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
  let storage = await createFileStorage(folder);
  return {
    storage,
    reopen: async () => {
      await storage.close();
      storage = await createFileStorage(folder);
      return storage;
    },
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

it("[ST5] a folder has one owner: a second one is a Fault until the first has let go", async () => {
  const folder = freshFolder();
  const first = await createFileStorage(folder);
  const refused = await createFileStorage(`${folder}/../store`).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(Fault);
  expect((refused as Fault).code).toBe("store.in_use");
  expect((refused as Fault).message).toContain("store");
  await first.close();
  const second = await createFileStorage(folder);
  await second.close();
  await second.close();
});

it("[ST5] a process that was killed holds no folder", async () => {
  const folder = freshFolder();
  const file = fileURLToPath(new URL("./fileStorage.ts", import.meta.url));
  const script = `
    const { createFileStorage } = await import(${JSON.stringify(file)});
    await createFileStorage(${JSON.stringify(folder)});
    console.log("open");
    setInterval(() => undefined, 1000);`;
  const child = spawn(
    process.execPath,
    [...process.execArgv, "--input-type=module", "--eval", script],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  await once(child.stdout, "data");
  const refused = await createFileStorage(folder).catch((error: unknown) => error);
  expect((refused as Fault).code).toBe("store.in_use");
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
  await (await createFileStorage(folder)).close();
});
