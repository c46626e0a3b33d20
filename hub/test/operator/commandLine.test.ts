// A fleet run from the command line alone: the real binary, a real hub, real MQTT, from nothing to a rollback.
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeModelPackage, versionOf } from "@attune/device-runtime/model";
import {
  decodeParameters,
  type EnrolmentToken,
  type ModelVersion,
  parseEnrolmentToken,
  unwrap,
} from "@attune/protocol";
import { nodeCryptography } from "@attune/protocol/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseEvents } from "../../src/cli/parseEvents.ts";
import type { HubState, RollbackPreview, SigningRequest, VersionDetail } from "../../src/state.ts";
import { enrolDevice, type TestDevice } from "../testDevice.ts";
import {
  line,
  otherPackage,
  quickPolicy,
  smallDelta,
  type TestBase,
  testPackage,
  testValidationSet,
} from "../testHub.ts";
import { type AttuneRun, type HubProcess, runAttune, startHubProcess } from "./attuneProcess.ts";

let folder: string;
let hub: HubProcess;
let base: TestBase;
const devices: TestDevice[] = [];
/** Words of a command in one text; what holds spaces comes after it. */
const attune = (command: string, ...words: string[]): Promise<AttuneRun> =>
  runAttune(folder, [...command.split(" "), ...words]);
const attuneJson = async <T>(command: string, ...words: string[]): Promise<T> => {
  const run = await attune(`-o json ${command}`, ...words);
  expect(run.exitCode, run.stderr).toBe(0);
  return JSON.parse(run.stdout) as T;
};

/** Listens to the hub until it holds. */
async function until(holds: (state: HubState) => boolean, what: string): Promise<HubState> {
  const controller = new AbortController();
  const answer = await fetch(`${hub.httpUrl}/api/events`, {
    headers: { authorization: `Bearer ${hub.adminToken}` },
    signal: controller.signal,
  });
  try {
    for await (const { event, data } of parseEvents(answer.body ?? new ReadableStream())) {
      const state = event === "state" ? (JSON.parse(data) as HubState) : null;
      if (state !== null && holds(state)) return state;
    }
  } finally {
    controller.abort();
  }
  throw new Error(`${what} did not come`);
}

const stageIs = (stage: string) => (state: HubState) => state.lines[0]?.challenger?.stage === stage;
const openRequest = async (): Promise<string> => {
  const answer = await fetch(`${hub.httpUrl}/api/signing-requests?state=open`, {
    headers: { authorization: `Bearer ${hub.adminToken}` },
  });
  const { items } = (await answer.json()) as { items: SigningRequest[] };
  return items[0]?.id ?? "";
};

/** What the fleet serves, with its parameters, as a device fetches them. */
async function championBase(): Promise<TestBase> {
  const { lines } = await attuneJson<HubState>("status");
  const version = lines[0]?.champion?.version as ModelVersion;
  const detail = await attuneJson<VersionDetail>("version show", version);
  const answer = await fetch(`${hub.httpUrl}/blobs/${detail.parts.parameters.digest}`);
  const bytes = new Uint8Array(await answer.arrayBuffer());
  return { version, parameters: unwrap(decodeParameters(bytes)) };
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "attune-operator-"));
  writeFileSync(join(folder, "policy.json"), JSON.stringify(quickPolicy));
  writeFileSync(
    join(folder, "model.attune"),
    encodeModelPackage(await testPackage(), nodeCryptography),
  );
  writeFileSync(join(folder, "validation.attune"), testValidationSet());
  hub = await startHubProcess(folder, ["--policy", "policy.json"]);
});
afterAll(async () => {
  for (const device of devices) await device.close();
  await hub?.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe("from nothing to a rollback, step by step", () => {
  it("leaves its token to the owner of the folder only, and a page token that only reads", () => {
    expect((statSync(join(folder, "attune-data")).mode & 0o777).toString(8)).toBe("700");
    expect((statSync(join(folder, "attune-data", "operator.json")).mode & 0o777).toString(8)).toBe(
      "600",
    );
    expect(hub.adminToken).not.toBeNull();
    expect(hub.pageUrl).toContain("#token=");
    expect(hub.pageUrl).not.toContain(hub.adminToken ?? "");
  });

  it("says what is still wrong before there are keys, and how to mend it", async () => {
    const run = await attune("doctor");
    expect(run.exitCode).toBe(7);
    expect(run.stdout).toMatch(/trust root\s+wrong .*attune signer init/);
    expect(run.stdout).toMatch(/onnxruntime-node\s+ok/);
  });

  it("makes keys and a trust root once, and the same root again", async () => {
    const first = await attuneJson<{ fingerprint: string }>("signer init");
    expect(first.fingerprint).toMatch(/^[0-9a-f]{64}$/);
    const again = await attuneJson<{ fingerprint: string }>("signer init");
    expect(again.fingerprint).toBe(first.fingerprint);
    const other = await attune("signer init --folder other-signer");
    expect(other).toMatchObject({ exitCode: 5, stdout: "" });
    expect(other.stderr).toContain("operator.state_conflict");
  });

  it("gives the signer a token that can do nothing but sign", async () => {
    const { token } = JSON.parse(
      readFileSync(join(folder, "attune-signer", "connection.json"), "utf8"),
    ) as { token: string };
    const run = await attune("device token --token", token);
    expect(run.exitCode).toBe(4);
    expect(run.stdout).toBe("");
  });

  it("signs an imported release on a person's word and not without", async () => {
    const added = await attune("model add model.attune --line", line);
    expect(added.exitCode, added.stderr).toBe(0);
    await until(stageIs("signing"), "a signing request");
    const polled = await attune("signer run --once");
    expect(polled.stdout).toContain("needs a person's word");
    const demo = await attune("signer run --once --approve-imports");
    expect(demo.exitCode).toBe(5);
    expect(demo.stderr).toContain("trust.demo_key_forbidden");
    const approved = await attune("signer approve", await openRequest());
    expect(approved.exitCode, approved.stderr).toBe(0);
    const state = await until(({ lines }) => (lines[0]?.champion ?? null) !== null, "a champion");
    base = {
      version: versionOf(await testPackage(), nodeCryptography),
      parameters: (await testPackage()).parameters,
    };
    expect(state.lines[0]?.champion?.version).toBe(base.version);
    const validation = await attune("validation add validation.attune");
    expect(validation.exitCode, validation.stderr).toBe(0);
    expect(validation.stdout).toContain("120 of 4 persons");
  });

  it("lets devices in with a token that is all of stdout", async () => {
    const run = await attune("device token --uses 4");
    expect(run.stderr).toContain("not shown again");
    const token: EnrolmentToken = unwrap(parseEnrolmentToken(run.stdout));
    for (const name of ["wrist-1", "wrist-2", "wrist-3", "wrist-4"]) {
      devices.push(
        await enrolDevice({ mqttUrl: hub.mqttUrl, token, name, line, active: base.version }),
      );
    }
    for (const device of devices) {
      await device.until(() => device.decisions.length > 0);
      await device.receipt(await device.sendReceipt({ outcome: "baked", active: base.version }));
    }
    const list = await attune("device list");
    expect(list.stdout.split("\n")[0]).toMatch(/^DEVICE +COHORT +PRESENCE/);
    expect(list.stdout).toMatch(/wrist-3 +default +connected/);
    const lines = (await attune("device list -o ndjson")).stdout.trim().split("\n");
    expect(lines.map((text) => (JSON.parse(text) as { device: string }).device)).toEqual([
      "wrist-1",
      "wrist-2",
      "wrist-3",
      "wrist-4",
    ]);
  });

  it("co-signs an aggregate under a delegation, and the fleet follows", async () => {
    const delegated = await attune(
      "signer delegate --base",
      base.version.slice(0, 8),
      "--norm-max",
      "5",
      "--days",
      "7",
    );
    expect(delegated.exitCode, delegated.stderr).toBe(0);
    for (const device of devices) {
      const digest = await device.send(
        "contribution",
        device.contribution(base, smallDelta(base, device.device)),
      );
      await device.receipt(digest);
    }
    const shadowing = await until(stageIs("shadowing"), "a shadow comparison");
    const challenger = shadowing.lines[0]?.challenger?.version?.version as ModelVersion;
    for (const device of devices) {
      await device.until(() => device.decisions.at(-1)?.shadow?.version === challenger);
      await device.sendReport([{ champion: base.version, challenger, n: 40, wins: 6, losses: 0 }]);
    }
    await until(stageIs("signing"), "a signing request");
    const polled = await attune("signer run --once");
    expect(polled.stdout, polled.stderr).toMatch(/signed activity@.*of at most 5 away/);
    const canary = await until(stageIs("canary"), "a canary");
    const show = await attune("rollout show");
    expect(show.stdout).toMatch(/canaries +wrist-/);
    const canaries = canary.lines[0]?.challenger?.rollout?.selectedDevices ?? [];
    expect(canaries).toHaveLength(3);
    for (const device of devices) {
      if (!canaries.includes(device.device)) continue;
      await device.until(() => device.decisions.at(-1)?.rollout?.target.version === challenger);
      await device.receipt(await device.sendReceipt({ outcome: "activated", active: challenger }));
      await device.sendReport(
        [{ champion: base.version, challenger, n: 400, wins: 20, losses: 0 }],
        { active: challenger },
      );
    }
    await until(stageIs("spreading"), "spreading");
    for (const device of devices) {
      await device.until(
        () => device.decisions.at(-1)?.rollout?.selection.threshold === 0xffffffff,
      );
    }
    for (const device of devices) {
      for (const outcome of ["activated", "baked"] as const) {
        await device.receipt(await device.sendReceipt({ outcome, active: challenger }));
      }
      await device.sendReport([], { active: challenger });
    }
    const promoted = await until(
      ({ lines }) => lines[0]?.champion?.version === challenger,
      "a promotion",
    );
    expect(promoted.lines[0]?.champion?.generation).toBe(1);
    const versions = await attune("version list");
    expect(versions.stdout).toMatch(/champion +yes +4 +4 deltas on/);
  });

  it("takes a delegation back", async () => {
    expect((await attune("signer revoke --line", line)).exitCode).toBe(0);
    expect((await attune("signer status")).stdout).toContain("every release needs a person");
  });

  it("[HB54] leaves open what no delegation covers, and the hub says what ends the wait", async () => {
    const champion = await championBase();
    for (const device of devices) {
      const delta = smallDelta(champion, `second ${device.device}`);
      await device.receipt(await device.send("contribution", device.contribution(champion, delta)));
    }
    const shadowing = await until(stageIs("shadowing"), "a second comparison");
    const challenger = shadowing.lines[0]?.challenger?.version?.version as ModelVersion;
    for (const device of devices) {
      await device.until(() => device.decisions.at(-1)?.shadow?.version === challenger);
      await device.sendReport(
        [{ champion: champion.version, challenger, n: 40, wins: 6, losses: 0 }],
        { active: champion.version },
      );
    }
    await until(stageIs("signing"), "a second request");
    for (let poll = 0; poll < 2; poll += 1) {
      const polled = await attune("signer run --once");
      expect(polled.stdout).toMatch(/waiting activity@\w{8} \(delegation\.missing\)/);
    }
    const shown = await attune("rollout show");
    expect(shown.stdout).toMatch(
      /why +the signer waits: .*attune signer delegate --base activity@/,
    );
    const { lines } = await attuneJson<HubState>("status");
    expect(lines[0]?.challenger?.signerWaits?.code).toBe("delegation.missing");
    const audited = await attune("audit list --limit 500");
    expect(audited.stdout.match(/Signer waits for a person/g)).toHaveLength(2);
  });

  it("refuses an aggregate outside its delegation: by its code, and so that the hub shows why", async () => {
    const narrow = await attune("signer delegate --base", base.version, "--norm-max", "1e-9");
    expect(narrow.exitCode, narrow.stderr).toBe(0);
    const waiting = await attuneJson<HubState>("status");
    const challenger = waiting.lines[0]?.challenger?.version?.version as ModelVersion;
    const polled = await attune("signer run --once");
    expect(polled.stdout).toContain("delegation.norm_exceeded");
    await until(({ lines }) => lines[0]?.challenger === null, "the end of the challenger");
    const shown = await attune("version show", challenger.slice(0, 8));
    expect(shown.stdout).toMatch(/status +rejected/);
    const list = await attune("audit list");
    expect(list.stdout).toMatch(/Signer refuses activity@.* away from activity@/);
  });

  it("shows a rollback before it does it, and does not do it unasked", async () => {
    const order = `rollback --cohort default --to ${base.version.slice(0, 8)}`;
    const reasonless = await attune(order);
    expect(reasonless.exitCode).toBe(2);
    expect(reasonless.stderr).toContain("--reason");
    const preview = await attuneJson<RollbackPreview>(
      order,
      "--reason",
      "missed falls",
      "--dry-run",
    );
    expect(preview).toMatchObject({ done: false, reason: "missed falls" });
    expect(preview.devices).toHaveLength(4);
    const unasked = await attune(order, "--reason", "missed falls");
    expect(unasked).toMatchObject({ exitCode: 6, stdout: "" });
    expect(unasked.stderr).toContain("4 of 4 change");
    expect(unasked.stderr).toContain("--yes");
    const before = await attuneJson<HubState>("status");
    expect(before.lines[0]?.champion?.version).not.toBe(base.version);
    const done = await attune(order, "--reason", "missed falls", "--yes");
    expect(done.exitCode, done.stderr).toBe(0);
    for (const device of devices) {
      await device.until(() => device.decisions.at(-1)?.action === "rollback");
      expect(device.decisions.at(-1)).toMatchObject({
        champion: { version: base.version },
        reason: "missed falls",
      });
    }
  });

  it("keeps all of it in an audit that verifies, and notices a row that is gone", async () => {
    const verdict = await attuneJson<{ ok: boolean; length: number; head: string }>("audit verify");
    expect(verdict.ok).toBe(true);
    const kept = await attune("audit verify --kept", `${verdict.length}:${verdict.head}`);
    expect(kept.exitCode).toBe(0);
    const gone = await attune("audit verify --kept", `999999:${verdict.head}`);
    expect(gone.exitCode).toBe(7);
    const list = await attune("audit list --limit 500");
    for (const words of [
      /activity@\w{8} is released/,
      /wrist-1 joined the fleet/,
      /wrist-1 sent a delta/,
      /Signer signs activity@/,
      /Cohort default goes back to activity@\w{8}: missed falls \(by admin:/,
    ]) {
      expect(list.stdout).toMatch(words);
    }
  });

  it("finds nothing wrong in the end but a signer that does not run", async () => {
    const run = await attune("doctor");
    const wrong = run.stdout.split("\n").filter((text) => / wrong /.test(text));
    expect(wrong).toHaveLength(1);
    expect(wrong[0]).toMatch(/signer .*attune signer run/);
  });

  it("takes another package for a line that has a champion", async () => {
    writeFileSync(
      join(folder, "other.attune"),
      encodeModelPackage(await otherPackage("other"), nodeCryptography),
    );
    const added = await attune("model add other.attune --line", line, "--note", "v2");
    expect(added.exitCode, added.stderr).toBe(0);
  });

  it("stops by ctrl-C with exit code 0, and comes back with the same token", async () => {
    const firstToken = hub.adminToken;
    for (const device of devices.splice(0)) await device.close();
    expect(await hub.stop()).toBe(0);
    expect((await attune("status")).exitCode).toBe(3);
    hub = await startHubProcess(folder, ["--policy", "policy.json"]);
    expect(hub.adminToken).toBeNull();
    expect(firstToken).not.toBeNull();
    const state = await attuneJson<HubState>("status");
    expect(state.lines[0]?.champion?.version).toBe(base.version);
  });
});

describe("how it talks", () => {
  it("explains itself with exit code 0, and its exit codes with it", async () => {
    const run = await attune("--help");
    expect(run).toMatchObject({ exitCode: 0, stderr: "" });
    expect(run.stdout).toContain("6  not confirmed");
  });

  it("says which version it is", async () => {
    const run = await attune("--version");
    expect(run).toMatchObject({ exitCode: 0, stderr: "" });
    const own = readFileSync(join(import.meta.dirname, "../../package.json"), "utf8");
    expect(run.stdout).toBe(`${(JSON.parse(own) as { version: string }).version}\n`);
  });

  it("says of a file that is no package what was expected", async () => {
    writeFileSync(join(folder, "README.md"), "# Attune\n\nWhat it is.\n");
    const run = await attune("model add README.md --line", line);
    expect(run).toMatchObject({ exitCode: 5, stdout: "" });
    expect(run.stderr).toMatch(/no model package.*attune model build/);
  });

  it("names what is near an unknown command, on stderr, with exit code 2", async () => {
    const run = await attune("statsu");
    expect(run).toMatchObject({ exitCode: 2, stdout: "" });
    expect(run.stderr).toContain("Did you mean status");
  });

  it("says which hub did not answer, and what to do", async () => {
    const run = await attune("status --hub http://127.0.0.1:9");
    expect(run).toMatchObject({ exitCode: 3, stdout: "" });
    expect(run.stderr).toContain("attune hub start");
  });

  it("does not send the folder's token to another hub", async () => {
    const { createServer } = await import("node:http");
    let seen: string | undefined = "nothing";
    const spy = createServer((request, response) => {
      seen = request.headers.authorization;
      response.writeHead(401).end();
    });
    await new Promise<void>((resolve) => {
      spy.listen(0, "127.0.0.1", resolve);
    });
    const { port } = spy.address() as { port: number };
    const run = await attune("status --hub", `http://127.0.0.1:${port}`);
    spy.close();
    expect(run.exitCode).toBe(4);
    expect(seen).toBeUndefined();
  });

  it("reads hub and token from the environment", async () => {
    const elsewhere = mkdtempSync(join(tmpdir(), "attune-elsewhere-"));
    const { token } = (await import("../../src/cli/connection.ts")).readOperatorFile(
      join(folder, "attune-data"),
    ) ?? { token: "" };
    const run = await runAttune(elsewhere, ["status"], {
      ATTUNE_HUB: hub.httpUrl,
      ATTUNE_TOKEN: token,
    });
    rmSync(elsewhere, { recursive: true });
    expect(run.exitCode, run.stderr).toBe(0);
  });

  it("does not colour what no terminal shows", async () => {
    const run = await attune("status --hub http://127.0.0.1:9");
    expect(run.stderr).not.toContain("\u001b[");
  });

  it("refuses demo keys for a hub that is not on this machine, before it asks anybody", async () => {
    const run = await attune("signer init --demo --hub http://hub.example.org:7700");
    expect(run).toMatchObject({ exitCode: 5, stdout: "" });
    expect(run.stderr).toContain("trust.demo_key_forbidden");
  });
});
