// `attune signer`: makes the release keys, says what may be co-signed without a person, and does the co-signing.
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import {
  type Delegation,
  decodeMessage,
  delegationMessage,
  digestOf,
  type EpochMs,
  encodeMessage,
  fleetIdSchema,
  keyIdOf,
  keysOfRole,
  lineIdSchema,
  type ReleaseRecord,
  releaseRecordMessage,
  shortVersion,
  type TrustRoot,
  verifySignatures,
} from "@attune/protocol";
import { nodeCryptography as cryptography } from "@attune/protocol/node";
import type { Command } from "commander";
import { draftTrustRoot, RELEASE_KEYS_MAX } from "../../signer/draftTrustRoot.ts";
import {
  createSigner,
  type Signer,
  type SignerAct,
  type SignerParts,
} from "../../signer/signer.ts";
import { openSignerFolder, type SignerFolder } from "../../signer/signerFolder.ts";
import { createSignerHub } from "../../signer/signerHub.ts";
import type { HubState, TrustState } from "../../state.ts";
import { formatDuration, parseDuration } from "../duration.ts";
import { CommandError, type ExitCode, exitCodes } from "../exitCodes.ts";
import type { HubClient } from "../hubClient.ts";
import { untilInterrupted, waitUnlessInterrupted } from "../interrupt.ts";
import type { Invocation } from "../invocation.ts";
import {
  assertDemoOnLoopback,
  type FolderOption,
  followRoot,
  type OpenSigner,
  openSigner,
  readRoot,
  refused,
} from "../openSigner.ts";
import type { Attach } from "../program.ts";
import { wholeNumber } from "../wholeNumber.ts";
import { clockTime } from "./rollout.ts";
import { addRotateCommand } from "./signerRotate.ts";

const DAY_MS = 86_400_000;

export function addSignerCommands(program: Command, attach: Attach): void {
  const signer = program
    .command("signer")
    .description("holds the release keys, away from the hub, and signs what may be released");
  const withFolder = (command: Command): Command =>
    command.option("--folder <path>", "where the keys are", "attune-signer");
  attach<InitOptions>(
    withFolder(
      signer
        .command("init")
        .description("make release keys and the fleet's first trust root, and give it to the hub"),
    )
      .option("--keys <count>", "how many keys to make", "1")
      .option("--threshold <count>", "how many of them must sign a release", "1")
      .option("--days <count>", "how long the trust root is good", "365")
      .option("--demo", "keys for a demo: devices refuse them unless their hub is on loopback"),
    init,
  );
  attach<DelegateOptions>(
    withFolder(
      signer
        .command("delegate")
        .description("allow co-signing aggregates near one released version, until a date"),
    )
      .requiredOption("--base <version>", "the released version around which they may move")
      .requiredOption("--norm-max <number>", "how far: Euclidean norm over all parameters")
      .option("--days <count>", "for how long", "30"),
    delegate,
  );
  attach<FolderOption & { readonly line: string }>(
    withFolder(signer.command("revoke").description("end a delegation at once")).requiredOption(
      "--line <name>",
      "the model line",
    ),
    revoke,
  );
  attach<RunOptions>(
    withFolder(
      signer
        .command("run")
        .description("ask the hub for requests and sign what a delegation covers, until ctrl-C"),
    )
      .option("--every <span>", "how often to ask", "1s")
      .option("--once", "ask once and end")
      .option(
        "--approve-imports",
        "sign imported releases without a person; only with --demo keys",
      ),
    run,
  );
  attach<ApproveOptions>(
    withFolder(
      signer
        .command("approve <request>")
        .description("sign one request on your word, after looking at it (attune version show)"),
    )
      .option(
        "--norm-max <number>",
        "allow co-signing aggregates around it as well, this far: attune signer delegate in one act",
      )
      .option("--days <count>", "for how long", "30"),
    approve,
  );
  addRotateCommand(signer, withFolder, attach);
  attach<FolderOption>(
    withFolder(signer.command("status").description("keys, trust root and delegations here")),
    showStatus,
  );
}

interface InitOptions extends FolderOption {
  readonly keys: string;
  readonly threshold: string;
  readonly days: string;
  readonly demo?: boolean;
}

async function init(invocation: Invocation<InitOptions>): Promise<undefined> {
  const { options, note, printOne, nowMs } = invocation;
  const keyCount = wholeNumber("--keys", options.keys, 1, RELEASE_KEYS_MAX);
  const threshold = wholeNumber("--threshold", options.threshold, 1, keyCount);
  const days = wholeNumber("--days", options.days, 1, 3650);
  const isDemo = options.demo === true;
  const { url, token } = invocation.connection();
  assertDemoOnLoopback(isDemo, url);
  const hub = invocation.hub();
  const folder = openSignerFolder(options.folder);
  const { fleet } = await hub.json<HubState>("GET", "/api/state");
  const hubKey = await hub.json<{ publicKey: string; keyId: string }>("GET", "/api/trust/hub-key");
  const before = await hub.json<TrustState>("GET", "/api/trust");
  const own = folder.trustRoot();
  if (
    before.version !== null &&
    (own === null || digestOf(cryptography, own) !== before.fingerprint)
  ) {
    throw new CommandError(
      exitCodes.refused,
      "operator.state_conflict",
      `the hub already has trust root ${before.version}, made by another signer (${before.fingerprint?.slice(0, 16)})`,
      "use that signer's folder with --folder; a fleet has one trust root, and devices believe no other",
    );
  }
  // The keys and the root are on disk before the hub hears of them: what was given away is never lost by a crash.
  const frame =
    own ?? makeRoot({ folder, fleet, hubKey, keyCount, threshold, isDemo, days, nowMs });
  const root = readRoot(frame);
  const hubPublicKey = root.keys.find(({ role }) => role === "hub")?.publicKey;
  if (hubPublicKey === undefined || keyIdOf(cryptography, hubPublicKey) !== hubKey.keyId) {
    throw new CommandError(
      exitCodes.refused,
      "trust.root_mismatch",
      `the trust root in ${folder.path} names another hub than ${url}`,
      "give each fleet its own --folder",
    );
  }
  if (before.version === null) {
    await hub.json("POST", "/api/trust/root", { frame: Buffer.from(frame).toString("base64") });
  }
  folder.setConnection({ url: hub.url, token: await signerToken(hub, token ?? "") });
  const fingerprint = digestOf(cryptography, frame);
  printOne({ fleet, fingerprint, threshold: root.releaseThreshold, isDemo: root.isDemo }, [
    ["fleet", fleet],
    ["fingerprint", fingerprint],
    [
      "release keys",
      `${root.releaseThreshold} of ${folder.keys().length} sign, in ${join(folder.path, "keys")}`,
    ],
    ...(root.isDemo ? [["demo", "devices accept them on loopback only"] as const] : []),
  ]);
  note(
    `Devices believe this fingerprint because it is in their enrolment token. Keep a copy of ${folder.path} elsewhere: without it\nnothing can be released again. Next: attune signer run`,
  );
}

/** A token that can sign and do nothing else; the given one, when it may not make tokens because it is no more than that. */
async function signerToken(hub: HubClient, given: string): Promise<string> {
  try {
    const made = await hub.json<{ token: string }>("POST", "/api/access-tokens", {
      role: "signer",
      note: "attune signer",
    });
    return made.token;
  } catch (error) {
    if (error instanceof CommandError && error.exitCode === exitCodes.unauthorized) return given;
    throw error;
  }
}

interface RootParts {
  readonly folder: SignerFolder;
  readonly fleet: string;
  readonly hubKey: { readonly publicKey: string };
  readonly keyCount: number;
  readonly threshold: number;
  readonly isDemo: boolean;
  readonly days: number;
  readonly nowMs: () => number;
}

function makeRoot(parts: RootParts): Uint8Array {
  const { folder, isDemo } = parts;
  const have = folder.keys();
  if (have.some((key) => key.isDemo !== isDemo)) {
    throw new CommandError(
      exitCodes.refused,
      "trust.demo_key_forbidden",
      `${folder.path} holds ${isDemo ? "keys that are not for a demo" : "keys of a demo"}`,
      "keep them apart with --folder",
    );
  }
  const made = Array.from({ length: Math.max(0, parts.keyCount - have.length) }, () =>
    folder.addKey(new Uint8Array(randomBytes(32)), isDemo),
  );
  const frame = draftTrustRoot(
    {
      fleet: fleetIdSchema.parse(parts.fleet),
      releaseKeys: [...have, ...made],
      hubPublicKey: Uint8Array.from(Buffer.from(parts.hubKey.publicKey, "hex")),
      releaseThreshold: parts.threshold,
      isDemo,
      issuedAtMs: parts.nowMs() as EpochMs,
      validDays: parts.days,
    },
    cryptography,
  );
  folder.setTrustRoot(frame);
  return frame;
}

interface DelegateOptions extends FolderOption {
  readonly base: string;
  readonly normMax: string;
  readonly days: string;
}

async function delegate(invocation: Invocation<DelegateOptions>): Promise<undefined> {
  const { options, nowMs } = invocation;
  const extent = extentOf(options.normMax, options.days, nowMs());
  await delegateAround(invocation, await openSigner(invocation), options.base, extent);
}

/** How far and how long. */
type Extent = Pick<Delegation, "normMax" | "expiresAtMs">;

function extentOf(normMaxText: string, daysText: string, nowMs: number): Extent {
  const normMax = Number(normMaxText);
  if (!(normMax > 0) || !Number.isFinite(normMax)) {
    throw new CommandError(
      exitCodes.usage,
      "operator.request_invalid",
      `--norm-max is ${normMaxText}, it must be a number above 0`,
      "attune rollout show tells the norm of the challenger that waits",
    );
  }
  const days = wholeNumber("--days", daysText, 1, 366);
  return { normMax, expiresAtMs: (nowMs + days * DAY_MS) as EpochMs };
}

async function delegateAround(
  { printOne, note }: Invocation,
  { folder, keys, trustRoot, hub }: OpenSigner,
  base: string,
  { normMax, expiresAtMs }: Extent,
): Promise<void> {
  if (keys.length < trustRoot.releaseThreshold) {
    throw new CommandError(
      exitCodes.refused,
      "signature.threshold_unmet",
      `a delegation needs ${trustRoot.releaseThreshold} keys in one place, ${folder.path} has ${keys.length}`,
      "bring the other holders' key files here for this one command",
    );
  }
  const record = await releasedBase(hub, base, trustRoot);
  const delegation: Delegation = {
    line: record.line,
    graph: record.parts.graph.digest,
    base: record.version,
    normMax,
    securityEpoch: record.securityEpoch,
    expiresAtMs,
  };
  const frame = encodeMessage(delegationMessage, delegation, keys, cryptography);
  await hub.json("POST", "/api/delegations", { frame: Buffer.from(frame).toString("base64") });
  folder.setDelegation(record.line, delegation.graph, frame);
  printOne(delegation, [
    ["line", record.line],
    ["around", shortVersion(record.line, record.version)],
    ["norm", `at most ${normMax}`],
    ["until", new Date(delegation.expiresAtMs).toISOString()],
  ]);
  note("attune signer run co-signs such aggregates from now on; end it with: attune signer revoke");
}

/** The record of a version that the release keys have signed: nothing else can be a delegation's base. */
async function releasedBase(
  hub: HubClient,
  named: string,
  trustRoot: TrustRoot,
): Promise<ReleaseRecord> {
  const digits = named.slice(named.lastIndexOf("@") + 1);
  const frame = await createSignerHub(hub).recordFrame(digits);
  if (frame === null) {
    throw new CommandError(
      exitCodes.refused,
      "delegation.base_mismatch",
      `${named} is not released: no release key has signed it`,
      "attune version list shows what is",
    );
  }
  const message = decodeMessage(releaseRecordMessage, frame);
  if (!message.ok) throw refused(message.refusal, "the hub's record of it is damaged");
  const signed = verifySignatures(
    message.value.frame,
    keysOfRole(trustRoot, "release", cryptography),
    trustRoot.releaseThreshold,
    cryptography,
  );
  if (!signed.ok)
    throw refused(signed.refusal, "the hub shows a record that these keys did not sign");
  const record = message.value.value;
  if (!record.version.startsWith(digits)) {
    throw new CommandError(
      exitCodes.refused,
      "delegation.base_mismatch",
      `asked for ${named}, the hub answers with ${shortVersion(record.line, record.version)}`,
      "look at the hub",
    );
  }
  return record;
}

async function revoke({
  options,
  note,
}: Invocation<FolderOption & { readonly line: string }>): Promise<undefined> {
  const line = lineIdSchema.safeParse(options.line);
  if (!line.success) {
    throw new CommandError(
      exitCodes.usage,
      "operator.request_invalid",
      `${options.line} is no name of a line`,
      "",
    );
  }
  openSignerFolder(options.folder).removeDelegations(line.data);
  note(`nothing of ${line.data} is co-signed any more without a person`);
}

interface RunOptions extends FolderOption {
  readonly every: string;
  readonly once?: boolean;
  readonly approveImports?: boolean;
}

/** How long to wait after a failed poll: twice as long each time, up to this. */
const BACK_OFF_MS_MAX = 30_000;

async function run(invocation: Invocation<RunOptions>): Promise<undefined> {
  const { options, note, ink, nowMs } = invocation;
  const everyMs = parseDuration(options.every);
  if (everyMs === null || everyMs < 50) {
    throw new CommandError(
      exitCodes.usage,
      "operator.request_invalid",
      `--every is ${options.every}, it must be a span of 50ms or more`,
      "write it like --every 1s",
    );
  }
  const opened = await openSigner(invocation);
  const { keys, folder } = opened;
  const approvesImports = options.approveImports === true;
  if (approvesImports && !keys.every(({ isDemo }) => isDemo)) {
    throw new CommandError(
      exitCodes.refused,
      "trust.demo_key_forbidden",
      "--approve-imports is for demo keys only: these keys sign an imported release on a person's word",
      "attune signer approve REQUEST",
    );
  }
  const signerOf = (signing: OpenSigner): Signer =>
    createSigner(signerParts(signing, approvesImports, nowMs));
  if (options.once === true) {
    for (const act of await signerOf(opened).pollOnce()) printAct(invocation, act);
    return;
  }
  note(
    `signing for ${opened.hub.url} with ${keys.map(({ keyId }) => keyId).join(", ")}; ctrl-C ends it`,
  );
  if (approvesImports) note(ink.yellow("DEMO: imported releases are signed without a person"));
  for (const line of delegationTexts(folder, nowMs())) note(line);
  folder.setRunning(true);
  try {
    await pollUntilInterrupted(invocation, opened, signerOf, everyMs);
  } finally {
    folder.setRunning(false);
  }
}

async function pollUntilInterrupted(
  invocation: Invocation,
  opened: OpenSigner,
  signerOf: (opened: OpenSigner) => Signer,
  everyMs: number,
): Promise<void> {
  const { note } = invocation;
  await untilInterrupted(async (signal) => {
    let waitMs = everyMs;
    let said = "";
    let current = opened;
    let signer = signerOf(opened);
    const waiting = new Set<string>();
    while (!signal.aborted) {
      try {
        const latest = await followRoot(current);
        if (latest !== current) {
          const ids = latest.keys.map(({ keyId }) => keyId).join(", ");
          note(`trust root ${latest.trustRoot.version}: signing with ${ids}`);
          current = latest;
          signer = signerOf(latest);
        }
        const acts = await signer.pollOnce();
        if (said !== "") note("the hub is back");
        said = "";
        waitMs = everyMs;
        for (const act of acts) {
          // What waits, waits in every poll; it is said once.
          const key = `${act.kind} ${act.request} ${act.code}`;
          const isRepeated = waiting.has(key) && act.kind !== "signed";
          if (!isRepeated) printAct(invocation, act);
          if (act.kind === "waiting" || act.kind === "failed") waiting.add(key);
        }
      } catch (error) {
        if (!(error instanceof CommandError)) throw error;
        // Neither a token that was revoked nor keys that were rotated out come back by themselves.
        if (error.exitCode === exitCodes.unauthorized) throw error;
        if (/^(?:signature|trust)\./.test(error.code)) throw error;
        waitMs = Math.min(BACK_OFF_MS_MAX, waitMs * 2);
        if (error.message !== said) note(`${error.message}; trying again`);
        said = error.message;
      }
      await waitUnlessInterrupted(waitMs, signal);
    }
  });
}

const signerParts = (
  { keys, trustRoot, folder, hub }: OpenSigner,
  approvesImports: boolean,
  nowMs: () => number,
): SignerParts => ({
  keys,
  trustRoot,
  delegationFrames: (line) => folder.delegations(line),
  hub: createSignerHub(hub),
  nowMs: () => nowMs() as EpochMs,
  cryptography,
  approvesImports,
});

function printAct({ printLine, nowMs }: Invocation, act: SignerAct): void {
  const code = act.code === "" ? "" : ` (${act.code})`;
  printLine(
    { atMs: nowMs(), ...act },
    `${clockTime(nowMs())}  ${act.kind} ${act.name}${code}: ${act.because}`,
  );
}

interface ApproveOptions extends FolderOption {
  readonly normMax?: string;
  readonly days: string;
}

async function approve(invocation: Invocation<ApproveOptions>): Promise<ExitCode> {
  const { options, nowMs } = invocation;
  const [request = ""] = invocation.arguments;
  const extent =
    options.normMax === undefined ? null : extentOf(options.normMax, options.days, nowMs());
  const opened = await openSigner(invocation);
  const act = await createSigner(signerParts(opened, false, nowMs)).approve(request);
  printAct(invocation, act);
  if (act.kind !== "signed") return exitCodes.refused;
  if (extent !== null) await delegateAround(invocation, opened, act.version, extent);
  return exitCodes.done;
}

/** Each delegation in a sentence. */
function delegationTexts(folder: SignerFolder, nowMs: number): readonly string[] {
  return folder.delegationLines().flatMap((line) =>
    folder.delegations(line).map((frame) => {
      const message = decodeMessage(delegationMessage, frame);
      if (!message.ok) return `${line}: a delegation that cannot be read`;
      const { base, normMax, expiresAtMs, graph } = message.value.value;
      const left = expiresAtMs - nowMs;
      return `${line}: aggregates within ${normMax} of ${shortVersion(line, base)} (graph ${graph.slice(0, 8)}), ${left <= 0 ? "EXPIRED" : `for another ${formatDuration(left)}`}`;
    }),
  );
}

async function showStatus({
  options,
  printOne,
  nowMs,
}: Invocation<FolderOption>): Promise<undefined> {
  const folder = openSignerFolder(options.folder);
  const frame = folder.trustRoot();
  const root = frame === null ? null : readRoot(frame);
  const keys = folder.keys();
  const connection = folder.connection();
  const delegations = delegationTexts(folder, nowMs());
  printOne(
    {
      folder: folder.path,
      hub: connection?.url ?? null,
      keys: keys.map(({ keyId, isDemo }) => ({ keyId, isDemo })),
      trustRoot: root === null ? null : root.version,
      fingerprint: frame === null ? null : digestOf(cryptography, frame),
      delegations: folder.delegationLines(),
    },
    [
      ["folder", folder.path],
      ["hub", connection?.url ?? "none: attune signer init"],
      [
        "keys",
        keys
          .map(({ keyId, isDemo }) => {
            const isOld = root !== null && !keysOfRole(root, "release", cryptography).has(keyId);
            return `${keyId}${isDemo ? " (demo)" : ""}${isOld ? " (of an older trust root)" : ""}`;
          })
          .join(", ") || "none",
      ],
      [
        "trust root",
        root === null || frame === null
          ? "none"
          : `${root.version}, ${root.releaseThreshold} must sign, until ${new Date(root.expiresAtMs).toISOString()}`,
      ],
      ["fingerprint", frame === null ? "-" : digestOf(cryptography, frame)],
      ...(delegations.length === 0
        ? [["delegation", "none: every release needs a person"] as const]
        : delegations.map((text) => ["delegation", text] as const)),
    ],
  );
}
