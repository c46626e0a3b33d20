// `attune doctor`: what is wrong here, and how to mend it. It changes nothing.
import { accessSync, constants, existsSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { dirname, resolve } from "node:path";
import type { Command } from "commander";
import { openSignerFolder } from "../../signer/signerFolder.ts";
import type { HubState, SigningRequest } from "../../state.ts";
import { type Connection, DEFAULT_HTTP_PORT } from "../connection.ts";
import { formatDuration } from "../duration.ts";
import { CommandError, type ExitCode, exitCodes, failureOf } from "../exitCodes.ts";
import { createHubClient, type HubClient } from "../hubClient.ts";
import type { Invocation } from "../invocation.ts";
import type { Attach } from "../program.ts";

interface DoctorOptions {
  readonly folder: string;
}

/** One thing that was looked at. */
interface Finding {
  readonly check: string;
  /** `note`: nothing is broken, but a person should know. */
  readonly result: "ok" | "note" | "wrong";
  readonly found: string;
  /** How to mend it; empty when there is nothing to mend. */
  readonly mend: string;
}

const ok = (check: string, found: string): Finding => ({ check, result: "ok", found, mend: "" });
const hint = (check: string, found: string, mend: string): Finding => ({
  check,
  result: "note",
  found,
  mend,
});
const wrong = (check: string, found: string, mend: string): Finding => ({
  check,
  result: "wrong",
  found,
  mend,
});

export function addDoctorCommand(program: Command, attach: Attach): void {
  attach<DoctorOptions>(
    program
      .command("doctor")
      .description("what is wrong here, and how to mend it; changes nothing")
      .option(
        "--folder <path>",
        "the signer's folder, when it is on this machine",
        "attune-signer",
      ),
    doctor,
  );
}

async function doctor(invocation: Invocation<DoctorOptions>): Promise<ExitCode> {
  const { options, printRows, note, nowMs } = invocation;
  const findings = [
    checkNode(process.versions.node),
    checkPackage("onnxruntime-node", "the hub judges candidates with it"),
    checkPackage("better-sqlite3", "the hub keeps its registry in it"),
    ...checkDataFolder(options.data),
  ];
  let connection: Connection | null = null;
  try {
    connection = invocation.connection();
  } catch (error) {
    const { message, hint: mend } = failureOf(error);
    findings.push(wrong("hub address", message, mend));
  }
  if (connection !== null) {
    const client = createHubClient(connection.url, connection.token);
    const health = await checkHub(client, connection);
    findings.push(...health.findings);
    if (!health.isReachable) findings.push(...(await checkPorts(connection)));
    if (health.state !== null) {
      findings.push(...checkState(health.state), ...(await checkSigner(client, options, nowMs())));
    }
  }
  printRows(
    findings,
    [
      { header: "CHECK", value: ({ check }) => check },
      { header: "", value: ({ result }) => result },
      {
        header: "FOUND",
        value: ({ found, mend }) => (mend === "" ? found : `${found}  ->  ${mend}`),
      },
    ],
    "",
  );
  const wrongCount = findings.filter(({ result }) => result === "wrong").length;
  if (wrongCount === 0) {
    note("nothing is wrong");
    return exitCodes.done;
  }
  note(`${wrongCount} thing${wrongCount === 1 ? " is" : "s are"} wrong`);
  return exitCodes.unsound;
}

/** What the packages of the hub ask for; the start script checks it as well, before any of this can be read. */
const NODE_MIN = [22, 14] as const;

/** Whether a Node version is new enough. */
function checkNode(version: string): Finding {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1])
    ? ok("node", version)
    : wrong("node", `${version}, needs ${NODE_MIN.join(".")}`, "install a newer Node");
}

/** Loads a package for real: a native one may be there and still not fit this machine. */
function checkPackage(name: string, purpose: string): Finding {
  const require = createRequire(import.meta.url);
  try {
    require(name);
    const { version } = require(`${name}/package.json`) as { version: string };
    return ok(name, version);
  } catch (error) {
    const [reason = ""] = (error instanceof Error ? error.message : String(error)).split("\n");
    return wrong(
      name,
      `does not load: ${reason}`,
      `npm install ${name} (${purpose}); in a checkout npm ci`,
    );
  }
}

function checkDataFolder(folder: string): readonly Finding[] {
  const path = resolve(folder);
  const parent = existsSync(path) ? path : dirname(path);
  const findings: Finding[] = [];
  try {
    accessSync(parent, constants.W_OK);
    findings.push(
      existsSync(path)
        ? ok("data folder", path)
        : hint("data folder", `${path} is not there yet`, "attune hub start makes it"),
    );
  } catch {
    findings.push(wrong("data folder", `${parent} cannot be written`, `chown it, or use --data`));
  }
  if (process.platform !== "win32" && existsSync(path) && (statSync(path).mode & 0o077) !== 0) {
    findings.push(wrong("data folder", `${path} can be read by others`, `chmod 700 ${path}`));
  }
  return findings;
}

interface HubHealth {
  readonly isReachable: boolean;
  readonly state: HubState | null;
  readonly findings: readonly Finding[];
}

async function checkHub(
  client: HubClient,
  { url, urlFrom, tokenFrom }: Connection,
): Promise<HubHealth> {
  const origin = `${url} (${urlFrom})`;
  const findings: Finding[] = [];
  try {
    const health = await client.json<{ store: string; broker: string }>("GET", "/healthz");
    findings.push(ok("hub", `${origin}: store ${health.store}, broker ${health.broker}`));
  } catch (error) {
    const { exitCode, code, message, hint: mend } = failureOf(error);
    const isReachable = exitCode !== exitCodes.unreachable;
    findings.push(wrong("hub", isReachable ? `${origin}: ${message}` : message, mend));
    // A hub that is not well still tells what it knows.
    if (code !== "hub.degraded") return { isReachable, state: null, findings };
  }
  try {
    const state = await client.json<HubState>("GET", "/api/state");
    findings.push(ok("token", `accepted (${tokenFrom ?? "none needed"})`));
    return { isReachable: true, state, findings };
  } catch (error) {
    const { message, hint: mend } = failureOf(error);
    findings.push(wrong("token", message, mend));
    return { isReachable: true, state: null, findings };
  }
}

/** Whether a hub could start here; asked only when none answers. */
async function checkPorts({ url }: Connection): Promise<readonly Finding[]> {
  const http = Number(new URL(url).port || DEFAULT_HTTP_PORT);
  const ports: readonly (readonly [number, string])[] = [
    [http, "--http-port"],
    [1883, "--mqtt-port"],
    [7701, "--ws-port"],
  ];
  return Promise.all(
    ports.map(async ([port, flag]) =>
      (await isFree(port))
        ? ok(`port ${port}`, "free")
        : hint(
            `port ${port}`,
            "taken by another program",
            `attune hub start ${flag} N, with N a free port or 0`,
          ),
    ),
  );
}

const isFree = (port: number): Promise<boolean> =>
  new Promise((done) => {
    const server = createServer();
    server.once("error", () => done(false));
    server.listen(port, "127.0.0.1", () => server.close(() => done(true)));
  });

function checkState(state: HubState): readonly Finding[] {
  const { broker, trust, devices, lines, faults } = state;
  return [
    broker.isConnected
      ? ok("broker", `${broker.kind} ${broker.mqttUrl ?? ""}`.trim())
      : wrong("broker", `${broker.kind}, not connected`, "start it; the hub comes back by itself"),
    trust.version === null
      ? wrong("trust root", trust.why, "attune signer init")
      : trust.isDemo
        ? hint(
            "trust root",
            `${trust.version}, demo keys`,
            "real fleets: attune signer init without --demo",
          )
        : ok("trust root", `${trust.version}, ${trust.releaseThreshold} must sign`),
    ...(lines.length === 0
      ? [hint("model lines", "none yet", "attune model add PACKAGE --line NAME")]
      : lines.map(({ line, champion, validationSet, guards }) =>
          guards === "off"
            ? hint(`line ${line}`, "guards are off: gates are not obeyed", "attune policy set")
            : champion === null
              ? hint(`line ${line}`, "nothing released yet", "attune rollout show")
              : validationSet === null
                ? hint(
                    `line ${line}`,
                    "no validation set: every candidate will be rejected",
                    "attune validation add FILE",
                  )
                : ok(`line ${line}`, `serves ${champion.short}`),
        )),
    devices.total === 0
      ? hint("devices", "none yet", "attune device token")
      : ok("devices", `${devices.total}, ${devices.connected} connected`),
    ...faults.map(({ code, message, hint: mend }) => wrong("fault", `${code}: ${message}`, mend)),
  ];
}

async function checkSigner(
  client: HubClient,
  options: DoctorOptions,
  nowMs: number,
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const folder = openSignerFolder(options.folder);
  try {
    const keys = folder.keys();
    if (folder.trustRoot() === null) {
      findings.push(
        hint(
          "signer",
          `no signer in ${folder.path}`,
          "fine when it is on another machine; else --folder",
        ),
      );
    } else if (folder.isRunning()) {
      findings.push(
        ok("signer", `runs, ${keys.length} key${keys.length === 1 ? "" : "s"} in ${folder.path}`),
      );
    } else {
      findings.push(wrong("signer", `does not run (${folder.path})`, "attune signer run"));
    }
  } catch (error) {
    const { message, hint: mend } = failureOf(error);
    findings.push(wrong("signer", message, mend));
  }
  try {
    const open = await client.list<SigningRequest>("/api/signing-requests?state=open", 100);
    const oldest = Math.min(...open.map(({ createdAtMs }) => createdAtMs));
    findings.push(
      open.length === 0
        ? ok("signatures", "nothing waits")
        : hint(
            "signatures",
            `${open.length} wait, the oldest for ${formatDuration(nowMs - oldest)}`,
            open.map(({ id }) => `attune signer approve ${id}`).join(", "),
          ),
    );
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    findings.push(wrong("signatures", error.message, error.hint));
  }
  return findings;
}
