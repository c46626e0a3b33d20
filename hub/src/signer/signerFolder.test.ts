import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Digest, LineId } from "@attune/protocol";
import { afterEach, describe, expect, it } from "vitest";
import { openSignerFolder } from "./signerFolder.ts";

const folders: string[] = [];
const freshPath = (): string => {
  const folder = mkdtempSync(join(tmpdir(), "attune-signer-"));
  folders.push(folder);
  return join(folder, "signer");
};
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

const line = "activity" as LineId;
const graph = "1".repeat(64) as Digest;
const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);

describe("openSignerFolder", () => {
  it("gives back the keys that it was given, sorted by id, from a second opening", () => {
    const path = freshPath();
    const first = openSignerFolder(path);
    const made = [1, 2, 3].map((fill) => first.addKey(new Uint8Array(32).fill(fill), fill === 3));
    const read = openSignerFolder(path).keys();
    expect(read).toEqual([...made].sort((a, b) => (a.keyId < b.keyId ? -1 : 1)));
    expect(read.filter(({ isDemo }) => isDemo)).toHaveLength(1);
  });

  it("writes nothing that another user could read", () => {
    const path = freshPath();
    const folder = openSignerFolder(path);
    const { keyId } = folder.addKey(new Uint8Array(32).fill(1), false);
    folder.setConnection({ url: "http://127.0.0.1:1", token: "secret" });
    folder.setTrustRoot(Uint8Array.of(1));
    folder.setDelegation(line, graph, Uint8Array.of(2));
    expect(modeOf(path)).toBe("700");
    expect(modeOf(join(path, "keys"))).toBe("700");
    for (const file of [
      join("keys", `${keyId}.json`),
      "connection.json",
      "trust-root.frame",
      join("delegations", `activity@${"1".repeat(16)}.frame`),
    ]) {
      expect(modeOf(join(path, file))).toBe("600");
    }
    expect(
      readdirSync(path, { recursive: true }).filter((name) => String(name).endsWith(".draft")),
    ).toEqual([]);
  });

  it("does not use a key that others can read, and says how to mend it", () => {
    const path = freshPath();
    const folder = openSignerFolder(path);
    const { keyId } = folder.addKey(new Uint8Array(32).fill(1), false);
    const file = join(path, "keys", `${keyId}.json`);
    chmodSync(file, 0o640);
    expect(() => folder.keys()).toThrow(
      expect.objectContaining({
        code: "signer.key_exposed",
        hint: expect.stringContaining("chmod 600"),
      }),
    );
    chmodSync(file, 0o600);
    expect(folder.keys()).toHaveLength(1);
  });

  it("does not use a key file that was changed", () => {
    const path = freshPath();
    const folder = openSignerFolder(path);
    const { keyId } = folder.addKey(new Uint8Array(32).fill(1), false);
    const file = join(path, "keys", `${keyId}.json`);
    const text = readFileSync(file, "utf8");
    for (const damage of ["", "{}", text.replace(/"secretKey": "../, '"secretKey": "ff')]) {
      writeFileSync(file, damage);
      expect(() => folder.keys()).toThrow(expect.objectContaining({ code: "signer.key_damaged" }));
    }
  });

  it("keeps one delegation a graph, the newest, until all of a line are withdrawn", () => {
    const folder = openSignerFolder(freshPath());
    expect(folder.delegations(line)).toEqual([]);
    expect(folder.delegationLines()).toEqual([]);
    folder.setDelegation(line, graph, Uint8Array.of(1));
    folder.setDelegation(line, graph, Uint8Array.of(2));
    folder.setDelegation(line, "2".repeat(64) as Digest, Uint8Array.of(3));
    folder.setDelegation("activity-2" as LineId, graph, Uint8Array.of(4));
    expect(folder.delegations(line)).toEqual([Uint8Array.of(2), Uint8Array.of(3)]);
    expect(folder.delegationLines()).toEqual(["activity-2", line]);
    folder.removeDelegations(line);
    expect(folder.delegations(line)).toEqual([]);
    expect(folder.delegationLines()).toEqual(["activity-2"]);
  });

  it("knows whether a process signs from it, also after one was killed", () => {
    const path = freshPath();
    const folder = openSignerFolder(path);
    expect(folder.isRunning()).toBe(false);
    folder.setRunning(true);
    expect(openSignerFolder(path).isRunning()).toBe(true);
    // A pid beyond what the system gives out stands for a process that is gone.
    writeFileSync(join(path, "running.json"), '{"pid":2147483646}');
    expect(folder.isRunning()).toBe(false);
    folder.setRunning(false);
    expect(folder.isRunning()).toBe(false);
  });

  it("is empty before anything was written", () => {
    const folder = openSignerFolder(freshPath());
    expect([folder.keys(), folder.connection(), folder.trustRoot()]).toEqual([[], null, null]);
  });
});
