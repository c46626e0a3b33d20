// Where release keys live: one folder, private to its owner, never on the hub. Touches files only; it does not judge what is signed.
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import {
  type Digest,
  Fault,
  type KeyId,
  type KeyPair,
  keyIdOf,
  type LineId,
  toHex,
} from "@attune/protocol";
import { nodeCryptography } from "@attune/protocol/node";
import { isPrivateFile, syncFolder, writePrivateFile } from "../cli/privateFile.ts";

/** A release key with what must be known before it is used. */
export interface ReleaseKey extends KeyPair {
  readonly keyId: KeyId;
  /** Made by a demo: good for a hub on loopback only. */
  readonly isDemo: boolean;
}

/** Where the signer's hub is, and the token of role `signer` for it. */
export interface SignerConnection {
  readonly url: string;
  readonly token: string;
}

/**
 * One signer's files.
 *
 * - `keys/KEYID.json`, `connection.json`: mode 0600, in folders of mode 0700
 * - `trust-root.frame`: the trust root that this signer believes, whatever the hub says
 * - `delegations/LINE@GRAPH.frame`: what it may co-sign by itself, one for each graph of a line
 * - `running.json`: which process signs from here now
 * - Every write is durable before it returns, and whole or not there.
 */
export interface SignerFolder {
  readonly path: string;
  /** @throws Fault `signer.key_exposed` when others may read a key, `signer.key_damaged` when a file is not a key */
  keys(): readonly ReleaseKey[];
  addKey(seed: Uint8Array, isDemo: boolean): ReleaseKey;
  /** For a key that nobody has heard of. */
  removeKey(keyId: KeyId): void;
  connection(): SignerConnection | null;
  setConnection(connection: SignerConnection): void;
  trustRoot(): Uint8Array | null;
  setTrustRoot(frame: Uint8Array): void;
  delegations(line: LineId): readonly Uint8Array[];
  delegationLines(): readonly LineId[];
  /** In place of an earlier one of the same line and graph: a way back to another graph stays covered. */
  setDelegation(line: LineId, graph: Digest, frame: Uint8Array): void;
  /** Every one of a line. */
  removeDelegations(line: LineId): void;
  /** Notes that this process signs from here; `false` takes the note away. */
  setRunning(isRunning: boolean): void;
  /** Whether the process that noted so is still there. */
  isRunning(): boolean;
}

/** Opens a signer's folder, which need not exist yet. */
export function openSignerFolder(path: string): SignerFolder {
  const keysPath = join(path, "keys");
  const delegationsPath = join(path, "delegations");
  const readIfThere = (...parts: string[]): Uint8Array | null => {
    const file = join(path, ...parts);
    return existsSync(file) ? new Uint8Array(readFileSync(file)) : null;
  };
  const lineOfFile = (name: string): LineId => name.replace(/(?:@.*)?\.frame$/, "") as LineId;
  const delegationFiles = (line: LineId | null): readonly string[] =>
    existsSync(delegationsPath)
      ? readdirSync(delegationsPath)
          .filter(
            (name) => name.endsWith(".frame") && (line ?? lineOfFile(name)) === lineOfFile(name),
          )
          .sort()
      : [];
  return {
    path,
    keys: () => {
      if (!existsSync(keysPath)) return [];
      return readdirSync(keysPath)
        .filter((name) => name.endsWith(".json"))
        .sort()
        .map((name) => readKey(join(keysPath, name)));
    },
    addKey: (seed, isDemo) => {
      const pair = nodeCryptography.keyPair(seed);
      const keyId = keyIdOf(nodeCryptography, pair.publicKey);
      const text = {
        keyId,
        publicKey: toHex(pair.publicKey),
        secretKey: toHex(pair.secretKey),
        isDemo,
      };
      writePrivateFile(join(keysPath, `${keyId}.json`), json(text));
      return { ...pair, keyId, isDemo };
    },
    removeKey: (keyId) => {
      rmSync(join(keysPath, `${keyId}.json`), { force: true });
      syncFolder(keysPath);
    },
    connection: () => {
      const file = join(path, "connection.json");
      if (!existsSync(file)) return null;
      assertPrivate(file);
      const { url, token } = JSON.parse(readFileSync(file, "utf8")) as Partial<SignerConnection>;
      if (typeof url !== "string" || typeof token !== "string") throw damaged(file);
      return { url, token };
    },
    setConnection: (connection) => {
      writePrivateFile(join(path, "connection.json"), json(connection));
    },
    trustRoot: () => readIfThere("trust-root.frame"),
    setTrustRoot: (frame) => {
      writePrivateFile(join(path, "trust-root.frame"), frame);
    },
    delegations: (line) =>
      delegationFiles(line).map(
        (name) => new Uint8Array(readFileSync(join(delegationsPath, name))),
      ),
    delegationLines: () => [...new Set(delegationFiles(null).map(lineOfFile))],
    setDelegation: (line, graph, frame) => {
      writePrivateFile(join(delegationsPath, `${line}@${graph.slice(0, 16)}.frame`), frame);
    },
    removeDelegations: (line) => {
      const files = delegationFiles(line);
      for (const name of files) rmSync(join(delegationsPath, name));
      if (files.length > 0) syncFolder(delegationsPath);
    },
    setRunning: (isRunning) => {
      const file = join(path, "running.json");
      if (isRunning) writePrivateFile(file, json({ pid: process.pid }));
      else rmSync(file, { force: true });
    },
    isRunning: () => {
      const file = join(path, "running.json");
      if (!existsSync(file)) return false;
      try {
        const { pid } = JSON.parse(readFileSync(file, "utf8")) as { pid?: unknown };
        // Signal 0 only asks whether the process is there.
        return typeof pid === "number" && process.kill(pid, 0);
      } catch {
        return false;
      }
    },
  };
}

const json = (value: unknown): Uint8Array =>
  new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`);

function readKey(file: string): ReleaseKey {
  assertPrivate(file);
  let fields: { secretKey?: unknown; keyId?: unknown; isDemo?: unknown };
  try {
    fields = JSON.parse(readFileSync(file, "utf8"));
  } catch {
    throw damaged(file);
  }
  const { secretKey, keyId, isDemo } = fields;
  if (typeof secretKey !== "string" || !/^[0-9a-f]{64}$/.test(secretKey)) throw damaged(file);
  const pair = nodeCryptography.keyPair(Uint8Array.from(Buffer.from(secretKey, "hex")));
  if (keyIdOf(nodeCryptography, pair.publicKey) !== keyId || typeof isDemo !== "boolean") {
    throw damaged(file);
  }
  return { ...pair, keyId: keyId as KeyId, isDemo };
}

/** As ssh does: a key that others can read is not used, so that the mistake is noticed. */
function assertPrivate(file: string): void {
  if (isPrivateFile(file)) return;
  throw new Fault(`${file} can be read by others`, {
    code: "signer.key_exposed",
    hint: `chmod 600 ${file}, and make new keys if somebody may have read them`,
  });
}

const damaged = (file: string): Fault =>
  new Fault(`${file} is not what a signer wrote`, {
    code: "signer.key_damaged",
    hint: "restore it from your copy; a key that is lost cannot be made again",
  });
