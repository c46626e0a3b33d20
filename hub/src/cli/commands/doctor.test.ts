import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it } from "vitest";
import { exitCodes } from "../exitCodes.ts";
import { runAttune } from "../program.ts";
import type { Terminal } from "../terminal.ts";

it("[HB99] a hub whose store fails is found wrong, and what else it knows is told all the same", async () => {
  const answers: Readonly<Record<string, readonly [number, object]>> = {
    "/healthz": [
      503,
      { code: "hub.degraded", detail: "the store fails", hint: "look at the disk's free space" },
    ],
    "/api/state": [
      200,
      {
        broker: { kind: "embedded", mqttUrl: null, isConnected: true },
        trust: { version: null, why: "there is none" },
        devices: { total: 0, connected: 0 },
        lines: [],
        faults: [{ code: "store.io_failed", message: "disk is full", hint: "free some space" }],
      },
    ],
  };
  const server = createServer((request, response) => {
    const [status, body] = answers[request.url ?? ""] ?? [200, { items: [], nextCursor: null }];
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  let out = "";
  const terminal: Terminal = {
    out: (text) => {
      out += text;
    },
    err: () => undefined,
    ask: async () => "",
    isInteractive: false,
    isOutTty: false,
    isErrTty: false,
    columns: 200,
    environment: {},
  };
  const exitCode = await runAttune(
    ["doctor", "--hub", `http://127.0.0.1:${port}`, "--token", "attune_viewer_x"],
    terminal,
    () => 0,
  );
  server.closeAllConnections();
  server.close();
  expect(exitCode).toBe(exitCodes.unsound);
  expect(out).toMatch(/hub\s+wrong .*the store fails .*free space/);
  expect(out).toMatch(/token\s+ok/);
  expect(out).toMatch(/fault\s+wrong .*disk is full/);
});
