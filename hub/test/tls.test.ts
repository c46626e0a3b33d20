// What a hub shows to others on the network: nothing in plain text unless somebody said so, and a proxy in front is no stranger.
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { get } from "node:https";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FleetId } from "@attune/protocol";
import { connectAsync } from "mqtt";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createHub, type HubOptions } from "../src/index.ts";
import { runAttune } from "./operator/attuneProcess.ts";
import { startTestHub } from "./testHub.ts";

const openssl = ["/usr/bin/openssl", "/usr/local/bin/openssl", "/opt/homebrew/bin/openssl"].find(
  existsSync,
);
const needsOpenssl = "needs openssl to make a certificate: apt-get install openssl";
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "attune-tls-"));
  if (openssl === undefined) return;
  const names = "subjectAltName=DNS:localhost,IP:127.0.0.1";
  const words = `req -x509 -newkey ed25519 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=localhost -addext ${names}`;
  execFileSync(openssl, words.split(" "), { cwd: folder, stdio: "ignore" });
});
afterAll(() => rmSync(folder, { recursive: true }));

const tlsFiles = (): { cert: string; key: string } => ({
  cert: readFileSync(join(folder, "cert.pem"), "utf8"),
  key: readFileSync(join(folder, "key.pem"), "utf8"),
});
const open = (mqtt: Partial<HubOptions["mqtt"]>, name: string): HubOptions => ({
  dataFolder: join(folder, name),
  fleet: "home" as FleetId,
  mqtt: { kind: "embedded", tcpPort: 0, webSocketPort: null, ...mqtt } as HubOptions["mqtt"],
  http: null,
});

/** What somebody gets who speaks no TLS. */
function plainAnswer(port: number): Promise<Buffer> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const socket = connect(port, "127.0.0.1", () => socket.write("GET /healthz HTTP/1.0\r\n\r\n"));
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(Buffer.concat(chunks)));
  });
}

it("[HB85] a broker elsewhere is not spoken to in clear, unless it is asked for", async () => {
  const faultOf = async (url: string, allowPlainText: boolean): Promise<unknown> => {
    const hub = createHub({
      ...open({}, "elsewhere"),
      mqtt: { kind: "external", url, username: "hub", password: "secret", allowPlainText },
    });
    const fault = await hub.start().catch((error: unknown) => error);
    await hub.close();
    return fault;
  };
  // A name that never resolves, and a port where nobody listens: what gets so far was allowed to speak.
  for (const url of [
    "mqtt://broker.invalid",
    "tcp://hub:secret@broker.invalid",
    "ws://broker.invalid:1",
  ]) {
    const refused = await faultOf(url, false);
    expect(refused).toMatchObject({ code: "broker.tls_missing" });
    expect((refused as { hint: string }).hint).toContain("--mqtt-plain-text");
    expect(String(refused)).not.toContain("secret");
    expect(await faultOf(url, true)).toMatchObject({ code: "broker.unavailable" });
  }
  for (const url of ["mqtts://broker.invalid", "wss://broker.invalid:1", "mqtt://127.0.0.1:1"]) {
    expect(await faultOf(url, false)).toMatchObject({ code: "broker.unavailable" });
  }
});

it("[HB85] MQTT off loopback without TLS is refused before anything is opened, unless it is asked for", async () => {
  await expect(createHub(open({ host: "0.0.0.0" }, "open")).start()).rejects.toMatchObject({
    code: "broker.tls_missing",
    hint: expect.stringContaining("--tls-cert"),
  });
  const allowed = createHub(open({ host: "0.0.0.0", allowPlainText: true }, "open"));
  expect((await allowed.start()).mqttUrl).toContain("mqtt://0.0.0.0:");
  await allowed.close();
});

it("[HB85] the command says so, and what half a certificate is", async () => {
  const words = "hub start --http-port 0 --mqtt-port 0 --ws-port 0".split(" ");
  const plain = await runAttune(folder, [...words, "--mqtt-host", "0.0.0.0"]);
  expect(plain).toMatchObject({ exitCode: 1, stdout: "" });
  expect(plain.stderr).toContain("broker.tls_missing");
  expect(plain.stderr).toContain("--mqtt-plain-text");
  for (const [more, says] of [
    ["--tls-cert cert.pem", "belong together"],
    ["--tls-cert nowhere.pem --tls-key nowhere.pem", "cannot be read"],
    ["--public-url hub.example", "must be an address"],
  ] as const) {
    const run = await runAttune(folder, [...words, ...more.split(" ")]);
    expect(run).toMatchObject({ exitCode: 2, stdout: "" });
    expect(run.stderr).toContain(says);
  }
});

it("[HB85] with a certificate MQTT, WebSocket and HTTP speak TLS and nothing else, and the cookie is for TLS only", async ({
  skip,
}) => {
  skip(openssl === undefined, needsOpenssl);
  const tls = tlsFiles();
  const testHub = await startTestHub({
    mqtt: { kind: "embedded", tcpPort: 0, webSocketPort: 0, tls },
    http: { port: 0, tls },
  });
  await testHub.found();
  const token = await testHub.token();
  const { mqttUrl, webSocketUrl, httpUrl } = testHub.addresses;
  expect([mqttUrl, webSocketUrl, httpUrl].map((url) => url?.split(":")[0])).toEqual([
    "mqtts",
    "wss",
    "https",
  ]);
  const nonce = "0".repeat(32);
  const credentials = { clientId: `enrol-${nonce}`, username: "enrol", password: token.secret };
  for (const url of [mqttUrl, webSocketUrl]) {
    const client = await connectAsync(url ?? "", {
      ...credentials,
      ca: tls.cert,
      reconnectPeriod: 0,
    });
    await client.endAsync();
  }
  const status = await new Promise((resolve, reject) => {
    get(`${httpUrl}/healthz`, { ca: tls.cert }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    }).on("error", reject);
  });
  expect(status).toBe(200);
  for (const url of [mqttUrl, webSocketUrl, httpUrl]) {
    // A TLS alert, or nothing: no answer of MQTT or HTTP.
    expect((await plainAnswer(Number(new URL(url ?? "").port))).length).toBeLessThanOrEqual(7);
  }
  const session = await testHub.hub.app.request("https://localhost/api/session", {
    method: "POST",
    body: JSON.stringify({ token: testHub.adminToken }),
  });
  expect(session.headers.get("set-cookie")).toMatch(/HttpOnly; Secure; SameSite=Strict/);
  await testHub.close();
});

it("[HB86] behind a proxy the public name is no stranger, the page may end its session, and the cookie is for TLS only", async () => {
  const testHub = await startTestHub({ http: { port: 0, publicUrl: "https://hub.example" } });
  const ask = (host: string, init: RequestInit): Promise<Response> =>
    Promise.resolve(
      testHub.hub.app.request(`http://${host}/api/session`, { method: "POST", ...init }),
    );
  const body = JSON.stringify({ token: testHub.adminToken });
  const session = await ask("hub.example", { body });
  const cookie = session.headers.get("set-cookie") ?? "";
  expect(cookie).toContain("Secure");
  expect((await ask("elsewhere.example", { body })).status).toBe(403);
  const leave = (host: string, origin: string): Promise<Response> =>
    ask(host, {
      method: "DELETE",
      headers: { cookie: cookie.split(";")[0] ?? "", origin },
    });
  // Whether the proxy passes the name on or says its own.
  for (const host of ["hub.example", "127.0.0.1"]) {
    expect((await leave(host, "https://hub.example")).status).toBe(204);
    expect((await leave(host, "https://elsewhere.example")).status).toBe(403);
  }
  expect(testHub.addresses.httpUrl).toContain("http://127.0.0.1:");
  await testHub.close();
});
