// The trust that a hub holds: its online key, the trust roots of its fleet, delegations for the signer. It holds no release key.
import { mkdir, open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import {
  accept,
  acceptFirstTrustRoot,
  acceptNextTrustRoot,
  type Cryptography,
  type Delegation,
  type Digest,
  decodeMessage,
  delegationMessage,
  digestOf,
  Fault,
  type KeyId,
  type KeyPair,
  keyIdOf,
  keysOfRole,
  type Outcome,
  refuse,
  type TrustRoot,
  trustRootMessage,
  unwrap,
  verifySignatures,
} from "@attune/protocol";
import { type Random, randomBytes } from "../ports/random.ts";
import type { HubContext } from "./hubContext.ts";
import type { HubMemory } from "./hubMemory.ts";

/**
 * The hub's online key, made at its first start and kept in the data folder, readable by its owner only.
 *
 * @throws Fault `hub.key_unreadable`
 */
export async function loadOnlineKey(
  dataFolder: string,
  random: Random,
  cryptography: Cryptography,
): Promise<KeyPair> {
  const path = join(dataFolder, "online.key");
  try {
    const seed = Buffer.from((await readFile(path, "utf8")).trim(), "hex");
    if (seed.length !== 32) throw new Error("it is not 32 bytes in hexadecimal");
    return cryptography.keyPair(new Uint8Array(seed));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") {
      throw new Fault(`the hub's online key in ${path} cannot be read`, {
        code: "hub.key_unreadable",
        hint: "restore it from a backup; without it a new trust root with a new hub key is needed",
        cause: error,
      });
    }
  }
  const seed = randomBytes(random, 32);
  await mkdir(dataFolder, { recursive: true });
  // Written whole before it gets its name: half a key would be worse than none.
  const file = await open(`${path}.partial`, "w", 0o600);
  try {
    await file.writeFile(`${Buffer.from(seed).toString("hex")}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.partial`, path);
  return cryptography.keyPair(seed);
}

/** The trust root that counts now, or null before the ceremony. */
export function currentTrustRoot(
  memory: HubMemory,
): { readonly root: TrustRoot; readonly fingerprint: Digest; readonly frame: Uint8Array } | null {
  const row = [...memory.trustRoots.values()].at(-1);
  if (row === undefined) return null;
  const { value } = unwrap(decodeMessage(trustRootMessage, row.frame));
  return { root: value, fingerprint: row.fingerprint, frame: row.frame };
}

/**
 * Accepts a trust root: the first because an operator with the admin token brings it, the next because the one before signed it.
 *
 * @param isLoopback whether clients can reach this hub from this machine only; a demo root is refused elsewhere
 * @returns its version, or a refusal of its frame, signatures or content
 */
export async function takeTrustRoot(
  context: HubContext,
  frame: Uint8Array,
  isLoopback: boolean,
  actor: string,
): Promise<Outcome<TrustRoot>> {
  const { memory, cryptography, fleet, clock } = context;
  const current = currentTrustRoot(memory);
  const fingerprint = digestOf(cryptography, frame);
  if (current?.fingerprint === fingerprint) return accept(current.root);
  const accepted =
    current === null
      ? acceptFirstTrustRoot(frame, fingerprint, isLoopback, cryptography)
      : acceptNextTrustRoot(current.root, frame, cryptography);
  if (!accepted.ok) return accepted;
  const root = accepted.value;
  if (root.fleet !== fleet) {
    return refuse(
      "trust.root_mismatch",
      `trust root is of fleet ${root.fleet}, this hub's is ${fleet}`,
    );
  }
  const ownKey = keyIdOf(cryptography, context.onlineKey.publicKey);
  if (!keysOfRole(root, "hub", cryptography).has(ownKey)) {
    return refuse(
      "trust.root_mismatch",
      `trust root does not name this hub's key ${ownKey} in role hub; devices would refuse its decisions`,
    );
  }
  const acceptedAtMs = clock.nowMs();
  await context.commit(
    [{ kind: "trustRoot", row: { version: root.version, frame, fingerprint, acceptedAtMs } }],
    [
      {
        atMs: acceptedAtMs,
        actor,
        action: "trust.rootAccepted",
        line: null,
        subject: fingerprint,
        reason: "",
        detail: {
          version: root.version,
          isDemo: root.isDemo,
          releaseThreshold: root.releaseThreshold,
          releaseKeys: [...keysOfRole(root, "release", cryptography).keys()],
          hubKeys: [...keysOfRole(root, "hub", cryptography).keys()],
        },
      },
    ],
  );
  return accept(root);
}

/** Stores a delegation that release keys have signed, for the signer process and for the audit. */
export async function takeDelegation(
  context: HubContext,
  frame: Uint8Array,
  actor: string,
): Promise<Outcome<{ readonly digest: Digest; readonly delegation: Delegation }>> {
  const { memory, cryptography, clock } = context;
  const current = currentTrustRoot(memory);
  if (current === null) {
    return refuse(
      "operator.state_conflict",
      "there is no trust root yet; make one with: attune signer init",
    );
  }
  const message = decodeMessage(delegationMessage, frame);
  if (!message.ok) return message;
  const keys = keysOfRole(current.root, "release", cryptography);
  const { value: delegation } = message.value;
  const signed = verifySignatures(
    message.value.frame,
    keys,
    current.root.releaseThreshold,
    cryptography,
  );
  if (!signed.ok) return signed;
  const digest = digestOf(cryptography, frame);
  const atMs = clock.nowMs();
  await context.commit(
    [{ kind: "delegation", row: { digest, line: delegation.line, frame, storedAtMs: atMs } }],
    [
      {
        atMs,
        actor,
        action: "delegation.stored",
        line: delegation.line,
        subject: digest,
        reason: "",
        detail: { ...delegation, signers: signed.value },
      },
    ],
  );
  return accept({ digest, delegation });
}

/** Ids of the release keys that are trusted now. */
export function releaseKeyIds(root: TrustRoot, cryptography: Cryptography): readonly KeyId[] {
  return [...keysOfRole(root, "release", cryptography).keys()];
}
