// `attune hub start`: one fleet server until ctrl-C, and what a person needs to go on from there.
import { mkdirSync, readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import { fleetIdSchema } from "@attune/protocol";
import type { Command } from "commander";
import type { Hub, HubOptions, TlsFiles } from "../../hub.ts";
import type { LinePolicyInput } from "../../policy.ts";
import { isLoopbackUrl } from "../../signer/loopback.ts";
import { auditSentence, auditTone } from "../auditSentence.ts";
import {
  DEFAULT_HTTP_PORT,
  type OperatorFile,
  readOperatorFile,
  writeOperatorFile,
} from "../connection.ts";
import { CommandError, exitCodes } from "../exitCodes.ts";
import { untilInterrupted } from "../interrupt.ts";
import type { Invocation } from "../invocation.ts";
import type { Attach } from "../program.ts";
import { clockTime } from "./rollout.ts";

interface StartOptions {
  readonly fleet: string;
  readonly httpHost: string;
  readonly httpPort: string;
  readonly mqttHost: string;
  readonly mqttPort: string;
  readonly wsPort: string;
  readonly broker?: string;
  readonly brokerUser?: string;
  readonly blobUrl?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly mqttPlainText?: boolean;
  readonly publicUrl?: string;
  readonly policy?: string;
  readonly quiet?: boolean;
}

export function addHubCommands(program: Command, attach: Attach): void {
  const hub = program.command("hub").description("the fleet server");
  attach<StartOptions>(
    hub
      .command("start")
      .description("run a hub with its broker until ctrl-C; its data stays in --data")
      .option("--fleet <name>", "name of the fleet", "home")
      .option("--http-host <address>", "where API and page listen", "127.0.0.1")
      .option("--http-port <port>", "0 takes any free one", `${DEFAULT_HTTP_PORT}`)
      .option("--mqtt-host <address>", "where the embedded broker listens", "127.0.0.1")
      .option("--mqtt-port <port>", "0 takes any free one", "1883")
      .option("--ws-port <port>", "MQTT over WebSocket; 0 takes any free one", "7701")
      .option(
        "--broker <url>",
        "use this broker instead of the embedded one, like mqtts://broker:8883",
      )
      .option("--broker-user <name>", "user for it; its password is ATTUNE_BROKER_PASSWORD")
      .option(
        "--blob-url <url>",
        "where devices fetch large blobs, when that is not the hub itself",
      )
      .option("--tls-cert <file>", "certificate chain (PEM): MQTT, WebSocket and HTTP speak TLS")
      .option("--tls-key <file>", "its private key (PEM)")
      .option(
        "--mqtt-plain-text",
        "MQTT beyond this machine without TLS: credentials can be read on the way",
      )
      .option(
        "--public-url <url>",
        "where people and devices reach the hub when a proxy is in front, like https://hub.example",
      )
      .option("--policy <file>", "JSON: what a new model line starts with (attune policy show)")
      .option("--quiet", "do not tell what happens"),
    start,
  );
}

function port(name: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0 && value <= 65_535) return value;
  throw new CommandError(
    exitCodes.usage,
    "operator.request_invalid",
    `${name} is ${text}, it must be a port from 0 to 65535`,
    "",
  );
}

async function start(invocation: Invocation<StartOptions>): Promise<undefined> {
  const { options, terminal, printOne, note, ink } = invocation;
  const fleet = fleetIdSchema.safeParse(options.fleet);
  if (!fleet.success) {
    throw new CommandError(
      exitCodes.usage,
      "operator.request_invalid",
      `${options.fleet} cannot be a fleet's name`,
      "lower-case letters, digits and inner hyphens, like ward-3",
    );
  }
  const tls = tlsFiles(options);
  const publicUrl = publicAddress(options.publicUrl);
  // A command that only asks a hub must not load one.
  const { createHub } = await import("../../index.ts");
  const policy = options.policy === undefined ? undefined : await readPolicy(options.policy);
  const settings: HubOptions = {
    dataFolder: options.data,
    fleet: fleet.data,
    mqtt:
      options.broker === undefined
        ? {
            kind: "embedded",
            host: options.mqttHost,
            tcpPort: port("--mqtt-port", options.mqttPort),
            webSocketPort: port("--ws-port", options.wsPort),
            tls,
            allowPlainText: options.mqttPlainText === true,
          }
        : {
            kind: "external",
            url: options.broker,
            allowPlainText: options.mqttPlainText === true,
            ...(options.brokerUser === undefined ? {} : { username: options.brokerUser }),
            ...(terminal.environment["ATTUNE_BROKER_PASSWORD"] === undefined
              ? {}
              : { password: terminal.environment["ATTUNE_BROKER_PASSWORD"] }),
          },
    http: {
      host: options.httpHost,
      port: port("--http-port", options.httpPort),
      tls,
      publicUrl,
    },
    ...(options.blobUrl === undefined ? {} : { blobUrl: options.blobUrl }),
    policy,
    onFault: (fault) => {
      note(`${ink.red("fault")} ${fault.message} (${fault.code}); ${fault.hint}`);
    },
  };
  // Only now, so that a wrong command line leaves nothing behind.
  mkdirSync(options.data, { recursive: true, mode: 0o700 });
  const hub = createHub(settings);
  await untilInterrupted(async (signal) => {
    const stopTelling =
      options.quiet === true
        ? () => {}
        : hub.onAudit((row) => {
            const tone = auditTone(row);
            // A fleet answers every decision; here only what went wrong is told, the audit keeps all.
            if (row.action === "receipt.stored" && tone === "plain") return;
            const sentence = auditSentence(row);
            const painted =
              tone === "good" ? ink.green(sentence) : tone === "bad" ? ink.red(sentence) : sentence;
            note(`${ink.dim(clockTime(row.atMs))}  ${painted}`);
          });
    const addresses = await hub.start();
    try {
      const listening = addresses.httpUrl ?? "";
      // A certificate is for the public name: by that the commands on this machine come as well.
      const url = tls === undefined ? listening : (publicUrl ?? listening);
      const operator = await leaveOperatorFile(hub, options.data, url, addresses.adminToken);
      const reached = publicUrl ?? url;
      const page =
        operator?.pageToken === undefined ? reached : `${reached}/#token=${operator.pageToken}`;
      printOne(
        {
          event: "started",
          fleet: fleet.data,
          dataFolder: options.data,
          pageUrl: page,
          ...addresses,
        },
        [
          ["fleet", fleet.data],
          ["page", page],
          ["mqtt", addresses.mqttUrl ?? "none"],
          ["websocket", addresses.webSocketUrl ?? "none"],
          ["data", options.data],
          ...(addresses.adminToken === null
            ? []
            : [["admin token", addresses.adminToken] as const]),
        ],
      );
      note(nextSteps(invocation, hub.state(), addresses.adminToken !== null));
      if (!isLoopbackUrl(listening) && tls === undefined) {
        note(
          ink.yellow(
            "The API listens beyond this machine without TLS, and tokens travel in its requests: give --tls-cert and --tls-key, or keep it on loopback behind a TLS proxy.",
          ),
        );
      }
      await new Promise<void>((resolve) => {
        if (signal.aborted) resolve();
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
      note("stopping");
    } finally {
      stopTelling();
      await hub.close();
    }
  });
}

/**
 * Leaves the address and the tokens for the commands that follow, or nothing when the admin token is not known here any more.
 * The page gets a token of its own that only reads: browsers send a cookie to every port of a host.
 */
async function leaveOperatorFile(
  hub: Hub,
  dataFolder: string,
  url: string,
  adminToken: string | null,
): Promise<OperatorFile | null> {
  const known = readOperatorFile(dataFolder);
  const token = adminToken ?? known?.token ?? null;
  if (token === null) return null;
  const pageToken =
    known?.pageToken !== undefined && adminToken === null
      ? known.pageToken
      : await makePageToken(hub, token);
  const file = { url, token, ...(pageToken === null ? {} : { pageToken }) };
  writeOperatorFile(dataFolder, file);
  return file;
}

/** Asked within the process: whatever address and certificate the hub has. Null when the token that was kept here is revoked. */
async function makePageToken(hub: Hub, token: string): Promise<string | null> {
  const answer = await hub.app.request("/api/access-tokens", {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ role: "viewer", note: "the page" }),
  });
  return answer.ok ? ((await answer.json()) as { token: string }).token : null;
}

function tlsFiles({ tlsCert, tlsKey }: StartOptions): TlsFiles | undefined {
  if (tlsCert === undefined && tlsKey === undefined) return undefined;
  if (tlsCert === undefined || tlsKey === undefined) {
    throw usage("--tls-cert and --tls-key belong together", "give both files, PEM");
  }
  const read = (file: string): string => {
    try {
      return readFileSync(file, "utf8");
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw usage(`${file} cannot be read (${why})`, "give both files, PEM");
    }
  };
  const files = { cert: read(tlsCert), key: read(tlsKey) };
  try {
    createSecureContext(files);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw usage(`${tlsCert} and ${tlsKey} are no certificate with its key (${why})`, "");
  }
  return files;
}

function publicAddress(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) {
    return text.replace(/\/+$/, "");
  }
  throw usage(
    `--public-url is ${text}, it must be an address`,
    "write it like https://hub.example",
  );
}

const usage = (message: string, hint: string): CommandError =>
  new CommandError(exitCodes.usage, "operator.request_invalid", message, hint);

async function readPolicy(file: string): Promise<LinePolicyInput> {
  const hint = 'write only what differs, like {"window":{"quorum":12}}';
  let input: LinePolicyInput;
  try {
    input = JSON.parse(readFileSync(file, "utf8")) as LinePolicyInput;
    if (typeof input !== "object" || input === null) throw new Error("it holds no object");
  } catch (error) {
    throw new CommandError(
      exitCodes.usage,
      "file.not_readable",
      `${file} is no JSON file that can be read (${error instanceof Error ? error.message : String(error)})`,
      hint,
    );
  }
  const { defaultPolicy, mergePolicy } = await import("../../policy.ts");
  const { parsePolicy } = await import("../../routes/policySchema.ts");
  const checked = parsePolicy(mergePolicy(defaultPolicy, input));
  if (checked.ok) return input;
  const { code, message } = checked.refusal;
  throw new CommandError(exitCodes.usage, code, `${file}: ${message}`, hint);
}

/** What is still missing before devices can be served, in the order in which it is done. */
function nextSteps(
  { options, ink }: Invocation<StartOptions>,
  state: {
    readonly trust: { readonly version: number | null };
    readonly lines: readonly unknown[];
  },
  isFirst: boolean,
): string {
  const elsewhere = options.data === "attune-data" ? "" : ` --data ${options.data}`;
  const steps = [
    ...(state.trust.version === null
      ? [
          `attune signer init${elsewhere}          release keys, in a folder of their own (better: another machine)`,
          "attune signer run           in another terminal",
        ]
      : []),
    ...(state.lines.length === 0 ? [`attune model add PACKAGE --line NAME${elsewhere}`] : []),
    `attune device token${elsewhere}         one for each device that joins`,
  ];
  return [
    ...(isFirst
      ? [`The admin token is shown this once and kept in ${options.data}/operator.json for you.`]
      : []),
    ink.bold("Next"),
    ...steps.map((step) => `  ${step}`),
    "Stop with ctrl-C.",
  ].join("\n");
}
