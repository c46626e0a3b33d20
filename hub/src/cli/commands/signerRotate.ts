// `attune signer rotate`: the next trust root, signed by the keys that go and the keys that come, and everything that is to stay
// released signed again. It shows what it will do before it does it.
import { randomBytes } from "node:crypto";
import {
  acceptNextTrustRoot,
  type Delegation,
  decodeMessage,
  delegationMessage,
  digestOf,
  type EpochMs,
  encodeMessage,
  FRAME_SIGNATURES_MAX,
  type KeyId,
  type KeyPair,
  keyIdOf,
  keysOfRole,
  type ReleaseRecord,
  releaseRecordMessage,
  shortVersion,
  signedBytes,
  type TrustRoot,
  toHex,
  trustRootMessage,
  verifyRole,
} from "@attune/protocol";
import { nodeCryptography as cryptography } from "@attune/protocol/node";
import type { Command } from "commander";
import { SIGNED_AGAIN_MAX } from "../../limits.ts";
import { draftNextTrustRoot, RELEASE_KEYS_MAX } from "../../signer/draftTrustRoot.ts";
import { recordInPayload } from "../../signer/recordInPayload.ts";
import { createSignerHub } from "../../signer/signerHub.ts";
import type { HubState, TrustState, VersionSummary } from "../../state.ts";
import { CommandError, exitCodes } from "../exitCodes.ts";
import type { HubClient } from "../hubClient.ts";
import type { Invocation } from "../invocation.ts";
import {
  type FolderOption,
  type OpenSigner,
  openSigner,
  ROOT_BYTES_MAX,
  refused,
} from "../openSigner.ts";
import type { Attach } from "../program.ts";
import { wholeNumber } from "../wholeNumber.ts";

interface RotateOptions extends FolderOption {
  readonly replace?: readonly string[];
  readonly renew?: boolean;
  readonly keys?: string;
  readonly threshold?: string;
  readonly days: string;
  readonly hubKey?: string;
  readonly leaveOut?: readonly string[];
  readonly yes?: boolean;
}

export function addRotateCommand(
  signer: Command,
  withFolder: (command: Command) => Command,
  attach: Attach,
): void {
  attach<RotateOptions>(
    withFolder(
      signer
        .command("rotate")
        .description(
          "replace release keys: a new trust root, signed by the old and the new keys; devices follow by themselves",
        ),
    )
      .option("--replace <key...>", "only these keys go (attune signer status); default: all")
      .option("--renew", "no key goes: only the date, --keys or --threshold change")
      .option("--keys <count>", "release keys afterwards; default: as many as now")
      .option("--threshold <count>", "how many of them must sign; default: as now")
      .option("--days <count>", "how long the new trust root is good", "365")
      .option("--hub-key <id>", "the hub's own key has changed, and this is the new one's id")
      .option(
        "--leave-out <version...>",
        "released versions that are not to be believed any longer: nobody can go back to them",
      )
      .option("--yes", "do not ask"),
    rotate,
  );
}

async function rotate(invocation: Invocation<RotateOptions>): Promise<undefined> {
  const { options, note, confirm, printOne, ink, nowMs } = invocation;
  const opened = await openSigner(invocation);
  const { folder, hub, trustRoot } = opened;
  assertThreshold(opened);
  const replaced = replacedKeys(trustRoot, options);
  const idsBefore = [...keysOfRole(trustRoot, "release", cryptography).keys()];
  const keyCount = wholeNumber(
    "--keys",
    options.keys ?? `${Math.min(idsBefore.length, RELEASE_KEYS_MAX)}`,
    Math.max(1, idsBefore.length - replaced.size),
    RELEASE_KEYS_MAX,
  );
  const threshold = wholeNumber(
    "--threshold",
    options.threshold ?? `${Math.min(trustRoot.releaseThreshold, keyCount)}`,
    1,
    keyCount,
  );
  const days = wholeNumber("--days", options.days, 1, 3650);
  const seeds = Array.from(
    { length: keyCount - (idsBefore.length - replaced.size) },
    () => new Uint8Array(randomBytes(32)),
  );
  const fresh = seeds.map((seed) => cryptography.keyPair(seed));
  const drafted = draftNextTrustRoot(
    {
      current: trustRoot,
      replaced,
      fresh,
      held: folder.keys(),
      hubPublicKeys: await hubKeys(hub, trustRoot, options.hubKey),
      releaseThreshold: threshold,
      issuedAtMs: nowMs() as EpochMs,
      validDays: days,
    },
    cryptography,
  );
  if (!drafted.ok) {
    throw refused(
      drafted.refusal,
      "bring the other holders' key files into this folder for this one command",
    );
  }
  const { frame, root } = drafted.value;
  const newIds = keysOfRole(root, "release", cryptography);
  const signing = [...fresh, ...opened.keys.filter(({ keyId }) => newIds.has(keyId))];
  const delegations = openDelegations(opened);
  const records = await recordsToSign(opened, options.leaveOut ?? [], delegations);
  const unable = await whoCannotFollow(hub, trustRoot.version, frame);
  note(
    [
      `Trust root ${root.version} of ${root.fleet}, after ${trustRoot.version}`,
      `  come      ${fresh.map(keyIdOfPair).join(" ") || "no new key"}`,
      `  stay      ${idsBefore.filter((id) => newIds.has(id)).join(" ") || "none"}`,
      `  go        ${[...replaced].join(" ") || "none"}`,
      `  sign      ${threshold} of ${newIds.size}, until ${new Date(root.expiresAtMs).toISOString()}`,
      ...(options.hubKey === undefined
        ? []
        : [`  hub       ${options.hubKey} chooses from now on`]),
      `  released  ${namesOf(records.map(({ record }) => record))}`,
      ...delegations.map(
        ({ line, base }) => `  delegated ${line} around ${shortVersion(line, base)} goes on`,
      ),
      `  devices   follow by themselves${unable.length === 0 ? "" : ink.yellow(`, but those that have heard nothing since trust root ${unable.join(", ")} must enrol again: no key of it is here`)}`,
    ].join("\n"),
  );
  await confirm(ink.bold("Do it?"), options.yes === true);
  // On disk before the hub hears of them: what was given away is never lost by a crash.
  for (const seed of seeds) folder.addKey(seed, root.isDemo);
  const both = [...signing, ...opened.keys.filter(({ keyId }) => !newIds.has(keyId))];
  const renewed: Uint8Array[] = [];
  for (const delegation of delegations) {
    const signed = encodeMessage(
      delegationMessage,
      delegation,
      both.slice(0, FRAME_SIGNATURES_MAX),
      cryptography,
    );
    folder.setDelegation(delegation.line, delegation.graph, signed);
    renewed.push(signed);
  }
  try {
    await hub.json("POST", "/api/trust/root", {
      frame: base64(frame),
      records: records.map(({ record, payload }) => ({
        version: record.version,
        signatures: signing.map((key) => ({
          keyId: keyIdOfPair(key),
          signature: toHex(cryptography.sign(key.secretKey, signedBytes("releaseRecord", payload))),
        })),
      })),
    });
  } catch (error) {
    // Refused: nobody will ever ask for these keys. No answer: the hub may have taken them, and they stay.
    if (error instanceof CommandError && error.exitCode === exitCodes.refused) {
      for (const key of fresh) folder.removeKey(keyIdOfPair(key));
    }
    throw error;
  }
  folder.setTrustRoot(frame);
  for (const signed of renewed) {
    await hub.json("POST", "/api/delegations", { frame: base64(signed) });
  }
  const fingerprint = digestOf(cryptography, frame);
  printOne(
    {
      fleet: root.fleet,
      version: root.version,
      fingerprint,
      releaseKeys: [...newIds.keys()],
      threshold,
      signedAgain: records.map(({ record }) => record.version),
    },
    [
      ["fleet", root.fleet],
      ["trust root", `${root.version}, ${threshold} of ${newIds.size} must sign`],
      ["fingerprint", fingerprint],
      ["released", namesOf(records.map(({ record }) => record))],
    ],
  );
  note(
    `Copy ${folder.path} to its safe place again. The old keys stay in it: they sign nothing that counts, but they lead devices and\ntokens of older trust roots here. Enrolment tokens of before go on working.`,
  );
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
const keyIdOfPair = ({ publicKey }: Pick<KeyPair, "publicKey">): KeyId =>
  keyIdOf(cryptography, publicKey);

function namesOf(records: readonly ReleaseRecord[]): string {
  if (records.length === 0) return "nothing yet";
  const names = records.slice(0, 6).map(({ line, version }) => shortVersion(line, version));
  const what = records.length === 1 ? "1 version stays so" : `${records.length} versions stay so`;
  return `${what}: ${names.join(" ")}${records.length > names.length ? " ..." : ""}`;
}

function assertThreshold({ keys, trustRoot, folder }: OpenSigner): void {
  if (keys.length >= trustRoot.releaseThreshold) return;
  throw new CommandError(
    exitCodes.refused,
    "signature.threshold_unmet",
    `a new trust root needs ${trustRoot.releaseThreshold} keys of the current one in one place, ${folder.path} has ${keys.length}`,
    "bring the other holders' key files here for this one command",
  );
}

function replacedKeys(trustRoot: TrustRoot, options: RotateOptions): ReadonlySet<KeyId> {
  const before = [...keysOfRole(trustRoot, "release", cryptography).keys()];
  if (options.renew === true) {
    if (options.replace === undefined) return new Set();
    throw usage("--renew keeps every key, --replace names keys that go", "give one of them");
  }
  const named = options.replace ?? before;
  return new Set(
    named.map((text) => {
      const found = before.filter((id) => text.length >= 4 && id.startsWith(text));
      const [id] = found;
      if (id !== undefined && found.length === 1) return id;
      throw usage(
        `${text} names no release key of trust root ${trustRoot.version}`,
        `it has ${before.join(", ")}`,
      );
    }),
  );
}

const usage = (message: string, hint: string): CommandError =>
  new CommandError(exitCodes.usage, "operator.request_invalid", message, hint);

/** The hub's keys of the next root. A key that the current root does not name is not believed because a hub shows it. */
async function hubKeys(
  hub: HubClient,
  trustRoot: TrustRoot,
  named: string | undefined,
): Promise<readonly Uint8Array[]> {
  const known = keysOfRole(trustRoot, "hub", cryptography);
  const own = await hub.json<{ publicKey: string }>("GET", "/api/trust/hub-key");
  const publicKey = Uint8Array.from(Buffer.from(own.publicKey, "hex"));
  const keyId = keyIdOf(cryptography, publicKey);
  if (named === undefined && known.has(keyId)) return [...known.values()];
  if (named === keyId) return [publicKey];
  throw new CommandError(
    exitCodes.refused,
    "trust.root_mismatch",
    named === undefined
      ? `the hub has key ${keyId}, and trust root ${trustRoot.version} does not name it`
      : `the hub has key ${keyId}, not ${named}`,
    "if its key was replaced, read its id on the hub's own machine (attune status -o json: trust.hubKeyId) and give it with --hub-key",
  );
}

/** Delegations that go on. One that the current keys have not signed is worth nothing and stays so. */
function openDelegations({ folder, trustRoot }: OpenSigner): readonly Delegation[] {
  return folder
    .delegationLines()
    .flatMap((line) => folder.delegations(line))
    .flatMap((frame): Delegation[] => {
      const message = decodeMessage(delegationMessage, frame);
      if (!message.ok) return [];
      const signed = verifyRole(message.value.frame, trustRoot, "release", cryptography);
      return signed.ok ? [message.value.value] : [];
    });
}

interface RecordToSign {
  readonly record: ReleaseRecord;
  readonly payload: Uint8Array;
}

/**
 * Records that the new keys sign as well: what is served, what delegations are around, and the newest others that a rollback could
 * name. Only what the current keys have signed is among them, whatever the hub shows.
 */
async function recordsToSign(
  { hub, trustRoot }: OpenSigner,
  leftOut: readonly string[],
  delegations: readonly Delegation[],
): Promise<readonly RecordToSign[]> {
  const state = await hub.json<HubState>("GET", "/api/state");
  const served = state.lines.flatMap(({ champion, cohorts, challenger }) => [
    ...(champion === null ? [] : [champion.version]),
    ...cohorts.flatMap(({ pin }) => (pin === null ? [] : [pin.version])),
    ...(challenger?.rollout && challenger.version !== null ? [challenger.version.version] : []),
  ]);
  const others = (await hub.list<VersionSummary>("/api/versions", SIGNED_AGAIN_MAX))
    .filter(({ status, isBaked }) => isBaked && status !== "candidate" && status !== "rejected")
    .map(({ version }) => version);
  const wanted = new Set([...served, ...delegations.map(({ base }) => base), ...others]);
  const digits = leftOut.map((name) => name.slice(name.lastIndexOf("@") + 1));
  const records: RecordToSign[] = [];
  const signer = createSignerHub(hub);
  for (const version of [...wanted].slice(0, SIGNED_AGAIN_MAX)) {
    if (digits.some((named) => named.length >= 4 && version.startsWith(named))) continue;
    const bytes = await signer.recordFrame(version);
    const message = bytes === null ? null : decodeMessage(releaseRecordMessage, bytes);
    if (message === null || !message.ok) continue;
    const { frame } = message.value;
    if (!verifyRole(frame, trustRoot, "release", cryptography).ok) continue;
    const record = recordInPayload(frame.payload, cryptography);
    if (record.ok && record.value.version === version) {
      records.push({ record: record.value, payload: frame.payload });
    }
  }
  return records;
}

/** Versions of the trust root from which a device cannot follow to the new one. */
async function whoCannotFollow(
  hub: HubClient,
  currentVersion: number,
  frame: Uint8Array,
): Promise<readonly number[]> {
  const { version } = await hub.json<TrustState>("GET", "/api/trust");
  const unable: number[] = [];
  for (let number = 1; number < Math.min(currentVersion, version ?? 0); number += 1) {
    const older = decodeMessage(
      trustRootMessage,
      await hub.bytes(`/trust-roots/${number}`, ROOT_BYTES_MAX),
    );
    if (older.ok && acceptNextTrustRoot(older.value.value, frame, cryptography).ok) continue;
    unable.push(number);
  }
  return unable;
}
