// The trust that a hub holds: its online key, the trust roots of its fleet, delegations for the signer. It holds no release key.
import { mkdir, open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import {
  accept,
  acceptFirstTrustRoot,
  acceptNextTrustRoot,
  assembleFrame,
  type Cryptography,
  type Delegation,
  type Digest,
  decisionMessage,
  decodeMessage,
  delegationMessage,
  digestOf,
  Fault,
  FRAME_SIGNATURES_MAX,
  type FrameSignature,
  type KeyId,
  type KeyPair,
  keyIdOf,
  keysOfRole,
  type ModelVersion,
  type Outcome,
  refuse,
  releaseRecordMessage,
  shortVersion,
  type TrustRoot,
  trustRootMessage,
  unwrap,
  verifyRole,
  verifySignatures,
} from "@attune/protocol";
import type { LineEvent } from "../core/rollout/lineEvents.ts";
import { type Random, randomBytes } from "../ports/random.ts";
import type { StoreChange, VersionRow } from "../ports/store.ts";
import type { ActParts } from "./actParts.ts";
import { assignmentOf } from "./assignmentOf.ts";
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
 * The trust root that a token's device believes first. It needs no newer one in its grant: it follows to the current one when that
 * comes, as every device does that was enrolled before.
 *
 * @returns its frame, or `enrolment.token_invalid` when a device could not follow from there or would not believe this hub
 */
export function rootOfToken(
  { memory, cryptography, onlineKey }: HubContext,
  token: string,
  currentFrame: Uint8Array,
): Outcome<Uint8Array> {
  const row = memory.trustRoots.get(memory.enrolmentTokens.get(token)?.rootVersion ?? 0);
  if (row !== undefined) {
    const { value: root } = unwrap(decodeMessage(trustRootMessage, row.frame));
    const ownKey = keyIdOf(cryptography, onlineKey.publicKey);
    const follows = acceptNextTrustRoot(root, currentFrame, cryptography).ok;
    if (follows && keysOfRole(root, "hub", cryptography).has(ownKey)) return accept(row.frame);
  }
  return refuse(
    "enrolment.token_invalid",
    `this token names trust root ${row?.version ?? "of nobody"}, and no device can follow from there to the current one; make another with: attune device token`,
  );
}

/** What the keys of a new trust root sign of what was released before, so that it stays released. */
export interface SignedAgain {
  readonly version: ModelVersion;
  readonly signatures: readonly FrameSignature[];
}

/**
 * Accepts a trust root: the first because an operator with the admin token brings it, the next because the one before signed it.
 *
 * Under a next one only those versions stay released whose records its keys have signed as well; what a cohort serves must be
 * among them. Records come first, then the decisions that name them, then the root: at every moment between, devices of the old
 * root and of the new one find what they believe, and whoever was interrupted does it again.
 *
 * @param isLoopback whether clients can reach this hub from this machine only; a demo root is refused elsewhere
 * @returns the root, or a refusal of its frame, signatures or content
 */
export async function takeTrustRoot(
  { context, lines }: Pick<ActParts, "context" | "lines">,
  frame: Uint8Array,
  signedAgain: readonly SignedAgain[],
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
  const hubKeys = keysOfRole(root, "hub", cryptography);
  if (!hubKeys.has(ownKey)) {
    return refuse(
      "trust.root_mismatch",
      `trust root does not name this hub's key ${ownKey} in role hub; devices would refuse its decisions`,
    );
  }
  const records = await recordsUnder(context, root, signedAgain);
  if (!records.ok) return records;
  const { renewed, ended } = records.value;
  if (renewed.length > 0) {
    await context.commit(
      renewed.map((row): StoreChange => ({ kind: "version", row })),
      [],
    );
  }
  const isHubKeyNew =
    current !== null && !keysOfRole(current.root, "hub", cryptography).has(ownKey);
  const tellLines = async (): Promise<void> => {
    for (const line of memory.lines.keys()) await lines.act(line, trustChanged(root.version));
  };
  // What the hub's new key signs is believed under the new root only; everything else under both.
  if (current !== null && !isHubKeyNew) await tellLines();
  const acceptedAtMs = clock.nowMs();
  await context.commit(
    [
      { kind: "trustRoot", row: { version: root.version, frame, fingerprint, acceptedAtMs } },
      ...ended.map((row): StoreChange => ({ kind: "version", row })),
      ...(isHubKeyNew ? renewedAssignments(context) : []),
    ],
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
          hubKeys: [...hubKeys.keys()],
          signedAgain: renewed.map(({ version }) => version),
          noLongerReleased: ended.map(({ version }) => version),
        },
      },
    ],
  );
  if (isHubKeyNew) await tellLines();
  return accept(root);
}

const trustChanged = (version: number): LineEvent => ({
  type: "trustChanged",
  reason: `trust root ${version}: release records are signed by its keys`,
});

/**
 * Decides again where what devices are told was not signed by this hub's key, or names a record that has been signed again since: the
 * rest of a change of trust that was interrupted.
 */
export async function finishTrustChange({
  context,
  lines,
}: Pick<ActParts, "context" | "lines">): Promise<void> {
  const { memory, cryptography, onlineKey } = context;
  const current = currentTrustRoot(memory);
  const ownKey = keyIdOf(cryptography, onlineKey.publicKey);
  if (current === null || !keysOfRole(current.root, "hub", cryptography).has(ownKey)) return;
  const isStale = (bytes: Uint8Array): boolean => {
    const { value, frame } = unwrap(decodeMessage(decisionMessage, bytes));
    return (
      !frame.signatures.some(({ keyId }) => keyId === ownKey) ||
      [value.champion, value.rollout?.target].some(
        (target) =>
          target !== undefined &&
          memory.versions.get(target.version)?.record?.digest !== target.record.digest,
      )
    );
  };
  const stale = new Set(
    [...memory.decisions.values()].filter(({ frame }) => isStale(frame)).map(({ line }) => line),
  );
  for (const line of stale) await lines.act(line, trustChanged(current.root.version));
}

/** Assignments under the hub's new key, for devices that no longer believe the old one. */
function renewedAssignments(context: HubContext): readonly StoreChange[] {
  return [...context.memory.devices.values()]
    .filter(({ row }) => row.status !== "retired")
    .map(({ row }): StoreChange => {
      const assignment = assignmentOf(context, row.device, row.line, row.cohort, row);
      return { kind: "device", row: { ...row, ...assignment } };
    });
}

/** Which versions stay released under a root, with their records as they then are, and which do not. */
async function recordsUnder(
  context: HubContext,
  root: TrustRoot,
  signedAgain: readonly SignedAgain[],
): Promise<
  Outcome<{ readonly renewed: readonly VersionRow[]; readonly ended: readonly VersionRow[] }>
> {
  const { memory, blobs, cryptography } = context;
  const renewed: VersionRow[] = [];
  const ended: VersionRow[] = [];
  const served = servedVersions(memory);
  for (const row of memory.versions.values()) {
    const bytes = row.record === null ? null : await blobs.get(row.record.digest);
    if (bytes === null) continue;
    const { frame } = unwrap(decodeMessage(releaseRecordMessage, bytes));
    const added = signedAgain.find(({ version }) => version === row.version)?.signatures ?? [];
    const addedKeys = new Set(added.map(({ keyId }) => keyId));
    // The old keys' signatures stay: a device that has not heard of the new root goes on believing its own.
    const signatures = [...added, ...frame.signatures.filter(({ keyId }) => !addedKeys.has(keyId))];
    const joined = { ...frame, signatures: signatures.slice(0, FRAME_SIGNATURES_MAX) };
    const signed = verifyRole(joined, root, "release", cryptography);
    if (!signed.ok) {
      if (served.has(row.version)) {
        return refuse(
          signed.refusal.code,
          `${shortVersion(row.line, row.version)} is served now, and the keys of trust root ${root.version} have not signed it: ${signed.refusal.message}`,
        );
      }
      ended.push({ ...row, record: null });
    } else if (added.length > 0) {
      const again = assembleFrame("releaseRecord", frame.payload, joined.signatures);
      renewed.push({ ...row, record: { digest: await blobs.put(again), bytes: again.length } });
    }
  }
  return accept({ renewed, ended });
}

/** What some cohort is told to serve. */
function servedVersions({ lines }: HubMemory): ReadonlySet<ModelVersion> {
  const served = new Set<ModelVersion>();
  for (const { row } of lines.values()) {
    const { champion, challenger, cohorts } = row.state;
    if (champion !== null) served.add(champion);
    if (challenger?.rollout && challenger.version !== null) served.add(challenger.version);
    for (const { pin } of Object.values(cohorts)) if (pin !== null) served.add(pin.version);
  }
  return served;
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
