// The HTTP API: who may, what is refused how, blobs, events, rollbacks, policies.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Digest,
  delegationMessage,
  digestOf,
  encodeMessage,
  type ReleaseParts,
} from "@attune/protocol";
import { nodeCryptography } from "@attune/protocol/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createHub } from "../src/index.ts";
import { keyOf } from "./testDevice.ts";
import {
  fleet,
  line,
  otherPackage,
  quickPolicy,
  releaseKey,
  startTestHub,
  type TestBase,
  type TestHub,
  testValidationSet,
  trustRootOf,
} from "./testHub.ts";

let testHub: TestHub;
let base: TestBase;
beforeAll(async () => {
  testHub = await startTestHub();
  base = await testHub.found();
});
afterAll(() => testHub.close());

const codeOf = async (response: Response): Promise<string> =>
  ((await response.json()) as { code: string }).code;

describe("access", () => {
  it("[HB90] without a token, or with a wrong one, everything under /api is 401 with a problem", async () => {
    for (const token of [null, "attune_admin_wrong"]) {
      const response = await testHub.askRaw("GET", "/api/state", undefined, token);
      expect(response.status).toBe(401);
      expect(response.headers.get("content-type")).toBe("application/problem+json");
      expect(await codeOf(response)).toBe("operator.unauthorized");
    }
  });

  it("[HB94] a session is asked for in a few bytes; more of them, or none, are not read on", async () => {
    const ask = (body: string): Promise<Response> =>
      Promise.resolve(testHub.hub.app.request("/api/session", { method: "POST", body }));
    for (const body of ["", "{", JSON.stringify({ token: "x".repeat(3_000_000) })]) {
      expect((await ask(body)).status).toBe(401);
    }
    expect((await ask(JSON.stringify({ token: testHub.adminToken }))).status).toBe(204);
  });

  it("[HB90] the token of the first start is shown once and is nowhere in the data folder", async () => {
    const token = testHub.adminToken;
    expect(token).toMatch(/^attune_admin_[\w-]{43}$/);
    const { items } = await testHub.ask<{ items: object[] }>("GET", "/api/access-tokens");
    expect(JSON.stringify(items)).not.toContain(token.slice(13));
    await testHub.restart();
    expect(testHub.addresses.adminToken).toBeNull();
    expect((await testHub.askRaw("GET", "/api/state")).status).toBe(200);
  });

  it("[HB90] roles: a viewer reads, a signer signs, an admin does the rest; a revoked token is nobody's", async () => {
    const make = async (role: string) =>
      testHub.ask<{ id: string; token: string }>("POST", "/api/access-tokens", {
        role,
        note: "test",
      });
    const viewer = await make("viewer");
    const signer = await make("signer");
    const status = async (method: string, path: string, body: unknown, token: string) =>
      (await testHub.askRaw(method, path, body, token)).status;
    expect(await status("GET", "/api/state", undefined, viewer.token)).toBe(200);
    expect(await status("POST", "/api/trust/root", { frame: "AAAA" }, viewer.token)).toBe(403);
    expect(await status("POST", "/api/trust/root", { frame: "AAAA" }, signer.token)).toBe(422);
    expect(await status("POST", "/api/enrolment-tokens", {}, signer.token)).toBe(403);
    await testHub.ask("DELETE", `/api/access-tokens/${viewer.id}`);
    expect(await status("GET", "/api/state", undefined, viewer.token)).toBe(401);
  });

  it("[HB90] the last admin token cannot be revoked", async () => {
    const { items } = await testHub.ask<{ items: { id: string; role: string }[] }>(
      "GET",
      "/api/access-tokens",
    );
    const admin = items.find(({ role }) => role === "admin");
    expect((await testHub.askRaw("DELETE", `/api/access-tokens/${admin?.id}`)).status).toBe(409);
  });

  it("[HB90] on loopback another host name is refused, so that no page can rebind its name to this machine", async () => {
    const response = await testHub.hub.app.request("http://evil.example/healthz");
    expect(response.status).toBe(403);
  });

  it("[HB90] the page's cookie reads, and writes only from the hub's own page", async () => {
    const session = await testHub.askRaw(
      "POST",
      "/api/session",
      { token: testHub.adminToken },
      null,
    );
    expect(session.status).toBe(204);
    const cookie = (session.headers.get("set-cookie") ?? "").split(";")[0] as string;
    expect(session.headers.get("set-cookie")).toMatch(/HttpOnly; SameSite=Strict/);
    const ask = (method: string, headers: Record<string, string>) =>
      testHub.hub.app.request("/api/enrolment-tokens", {
        method,
        headers: { cookie, "content-type": "application/json", ...headers },
        ...(method === "POST" ? { body: "{}" } : {}),
      });
    expect((await ask("GET", {})).status).toBe(200);
    expect((await ask("POST", {})).status).toBe(403);
    expect((await ask("POST", { origin: "http://evil.example" })).status).toBe(403);
    expect((await ask("POST", { origin: "http://localhost" })).status).toBe(201);
  });

  it("[HB94] a body above its limit is 413, whatever its header promises", async () => {
    const response = await testHub.askRaw("POST", "/api/trust/root", {
      frame: "A".repeat(300_000),
    });
    expect(response.status).toBe(413);
  });

  it("[HB91] what is not there is 404, what is malformed 422, each with its code", async () => {
    expect(await codeOf(await testHub.askRaw("GET", "/api/nothing"))).toBe(
      "operator.version_unknown",
    );
    expect((await testHub.askRaw("GET", "/api/versions/ffff")).status).toBe(404);
    expect((await testHub.askRaw("GET", "/api/devices/nobody")).status).toBe(404);
    expect((await testHub.askRaw("GET", "/api/audit?limit=99999")).status).toBe(422);
    expect(
      await codeOf(await testHub.askRaw("POST", "/api/rollbacks", { cohort: "default" })),
    ).toBe("operator.request_invalid");
  });

  it("[HB91] every route is in the OpenAPI document", async () => {
    const response = await testHub.hub.app.request("/api/openapi.json");
    expect(response.status).toBe(200);
    const { paths, info } = (await response.json()) as {
      paths: Record<string, object>;
      info: { version: string };
    };
    const packageFile = new URL("../package.json", import.meta.url);
    expect(info.version).toBe(JSON.parse(readFileSync(packageFile, "utf8")).version);
    for (const path of [
      "/api/state",
      "/api/rollbacks",
      "/api/models",
      "/api/signing-requests/{id}/signatures",
      "/api/lines/{line}/policy",
    ]) {
      expect(paths).toHaveProperty([path]);
    }
  });

  it("[HB91] a hub that does not run answers 503, and says so in its health", async () => {
    const folder = mkdtempSync(join(tmpdir(), "attune-idle-"));
    const idle = createHub({
      dataFolder: folder,
      fleet,
      mqtt: { kind: "embedded", tcpPort: 0, webSocketPort: null },
      http: null,
    });
    expect((await idle.app.request("/healthz")).status).toBe(503);
    expect(
      (await idle.app.request("/api/state", { headers: { authorization: "Bearer x" } })).status,
    ).toBe(401);
    rmSync(folder, { recursive: true });
  });
});

describe("trust", () => {
  it("[HB37] a second root must follow the first; one of another fleet, without this hub's key, or badly signed is refused", async () => {
    const post = async (frame: Uint8Array) =>
      codeOf(
        await testHub.askRaw("POST", "/api/trust/root", {
          frame: Buffer.from(frame).toString("base64"),
        }),
      );
    expect(await post(await trustRootOf(testHub, { issuedAtMs: 1 as never }))).toBe(
      "trust.root_version_replayed",
    );
    expect(await post(await trustRootOf(testHub, { version: 2, fleet: "other" as never }))).toBe(
      "trust.root_mismatch",
    );
    expect(await post(await trustRootOf(testHub, { version: 2 }, [keyOf("nobody")]))).toBe(
      "signature.key_unknown",
    );
    const withoutHub = {
      keys: [
        { publicKey: releaseKey.publicKey, role: "release" as const },
        { publicKey: keyOf("x").publicKey, role: "hub" as const },
      ],
    };
    expect(await post(await trustRootOf(testHub, { version: 2, ...withoutHub }))).toBe(
      "trust.root_mismatch",
    );
    const next = await trustRootOf(testHub, { version: 2 });
    const accepted = await testHub.ask<{ version: number; fingerprint: string }>(
      "POST",
      "/api/trust/root",
      { frame: Buffer.from(next).toString("base64") },
    );
    expect(accepted).toMatchObject({ version: 2, fingerprint: digestOf(nodeCryptography, next) });
    const first = await testHub.hub.app.request("/trust-roots/1");
    expect(first.status).toBe(200);
  });

  it("[HB37] a demo root is refused by a hub that others can reach", async () => {
    const open = await startTestHub({
      mqtt: {
        kind: "embedded",
        host: "0.0.0.0",
        tcpPort: 0,
        webSocketPort: null,
        allowPlainText: true,
      },
    });
    const frame = Buffer.from(await trustRootOf(open)).toString("base64");
    expect(await codeOf(await open.askRaw("POST", "/api/trust/root", { frame }))).toBe(
      "trust.demo_key_forbidden",
    );
    expect(await codeOf(await open.askRaw("POST", "/api/enrolment-tokens", {}))).toBe(
      "operator.state_conflict",
    );
    await open.close();
  });

  it("[HB37] delegations are stored when release keys have signed them", async () => {
    const delegation = {
      line,
      graph: "a".repeat(64) as Digest,
      base: base.version,
      normMax: 3,
      securityEpoch: 0 as never,
      expiresAtMs: 9e12 as never,
    };
    const frameBy = (name: "release" | "nobody") =>
      Buffer.from(
        encodeMessage(delegationMessage, delegation, [keyOf(name)], nodeCryptography),
      ).toString("base64");
    expect(
      await codeOf(await testHub.askRaw("POST", "/api/delegations", { frame: frameBy("nobody") })),
    ).toBe("signature.key_unknown");
    await testHub.ask("POST", "/api/delegations", { frame: frameBy("release") });
    const { items } = await testHub.ask<{ items: { frame: string }[] }>(
      "GET",
      `/api/delegations?line=${line}`,
    );
    expect(items.map(({ frame }) => frame)).toEqual([frameBy("release")]);
  });
});

describe("blobs", () => {
  it("[HB92] a blob is there for whoever knows its digest, whole and in ranges", async () => {
    const { parts } = await testHub.ask<{ parts: ReleaseParts }>(
      "GET",
      `/api/versions/${base.version}`,
    );
    const { digest, bytes } = parts.graph;
    const whole = await testHub.hub.app.request(`/blobs/${digest}`);
    const content = new Uint8Array(await whole.arrayBuffer());
    expect(content.length).toBe(bytes);
    expect(digestOf(nodeCryptography, content)).toBe(digest);
    const part = await testHub.hub.app.request(`/blobs/${digest}`, {
      headers: { range: "bytes=10-19" },
    });
    expect(part.status).toBe(206);
    expect(part.headers.get("content-range")).toBe(`bytes 10-19/${bytes}`);
    expect(new Uint8Array(await part.arrayBuffer())).toEqual(content.slice(10, 20));
    const tail = await testHub.hub.app.request(`/blobs/${digest}`, {
      headers: { range: "bytes=-5" },
    });
    expect(new Uint8Array(await tail.arrayBuffer())).toEqual(content.slice(-5));
    const beyond = await testHub.hub.app.request(`/blobs/${digest}`, {
      headers: { range: `bytes=${bytes}-` },
    });
    expect(beyond.status).toBe(416);
    const cached = await testHub.hub.app.request(`/blobs/${digest}`, {
      headers: { "if-none-match": `"${digest}"` },
    });
    expect(cached.status).toBe(304);
  });

  it("[HB98] a large blob is read in pieces, as fast as somebody takes it", async () => {
    const content = Uint8Array.from({ length: 300_001 }, (_, at) => at % 251);
    const digest = digestOf(nodeCryptography, content);
    const folder = join(testHub.folder, "blobs", digest.slice(0, 2));
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, digest), content);
    const pieces: number[] = [];
    const whole = await testHub.hub.app.request(`/blobs/${digest}`);
    for await (const piece of whole.body ?? []) pieces.push((piece as Uint8Array).length);
    expect(pieces).toEqual([65_536, 65_536, 65_536, 65_536, 300_001 - 4 * 65_536]);
    const part = await testHub.hub.app.request(`/blobs/${digest}`, {
      headers: { range: "bytes=65000-200000" },
    });
    expect(part.headers.get("content-length")).toBe("135001");
    expect(new Uint8Array(await part.arrayBuffer())).toEqual(content.slice(65_000, 200_001));
  });

  it("[HB92] a validation set is no blob for others, and a path is no digest", async () => {
    const { validationSet } = testHub.line();
    expect((await testHub.hub.app.request(`/blobs/${validationSet?.digest}`)).status).toBe(404);
    expect((await testHub.hub.app.request("/blobs/..%2Fonline.key")).status).toBe(404);
  });
});

describe("live", () => {
  it("[HB93] the stream tells the state, then every audit row once and in order, also from an id on", async () => {
    const head = testHub.state().audit.length;
    const response = await testHub.askRaw("GET", `/api/events?after=${head - 2}`);
    const reader = (response.body as ReadableStream<Uint8Array>)
      .pipeThrough(new TextDecoderStream() as never)
      .getReader();
    let text = "";
    const readUntil = async (isThere: () => boolean): Promise<void> => {
      while (!isThere()) {
        const { value, done } = (await reader.read()) as { value?: string; done: boolean };
        if (done) throw new Error(`the stream ended: ${text}`);
        text += value ?? "";
      }
    };
    const ids = (): number[] => [...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id));
    await readUntil(() => text.includes("event: state") && ids().length >= 2);
    await testHub.token();
    await readUntil(() => ids().length >= 3);
    await reader.cancel();
    expect(ids()).toEqual([head - 1, head, head + 1]);
    const state = /^data: (\{"fleet".*)$/m.exec(text)?.[1];
    expect(JSON.parse(state ?? "")).toMatchObject({ fleet: "home", lines: [{ line: "activity" }] });
  });

  it("[HB60] the audit comes oldest first, goes on from a cursor, and verifies", async () => {
    const first = await testHub.ask<{ items: { sequence: number }[]; nextCursor: string }>(
      "GET",
      "/api/audit?limit=3",
    );
    expect(first.items.map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
    const second = await testHub.ask<{ items: { sequence: number }[] }>(
      "GET",
      `/api/audit?limit=3&after=${first.nextCursor}`,
    );
    expect(second.items[0]?.sequence).toBe(4);
    expect(await testHub.ask("GET", "/api/audit/verify")).toMatchObject({
      ok: true,
      brokenAt: null,
    });
  });
});

describe("lines", () => {
  it("[HB31] a policy is changed in part, checked as a whole, and audited", async () => {
    const policy = await testHub.ask<{ window: { quorum: number; deadlineMs: number } }>(
      "PUT",
      `/api/lines/${line}/policy`,
      {
        policy: { window: { quorum: 5 } },
        reason: "a small ward",
      },
    );
    expect(policy.window).toMatchObject({ quorum: 5, deadlineMs: quickPolicy.window?.deadlineMs });
    for (const wrong of [
      { window: { quorum: 0 } },
      { rollout: { canaryDevices: 2 } },
      { intake: { clipNorm: 99, refuseNorm: 100 } },
      { rollout: { stages: [0.5] } },
      { unknown: 1 },
    ]) {
      const response = await testHub.askRaw("PUT", `/api/lines/${line}/policy`, {
        policy: wrong,
        reason: "x",
      });
      expect(await codeOf(response)).toBe("operator.request_invalid");
    }
    expect(testHub.audit.filter(({ action }) => action === "policy.changed")).toHaveLength(1);
  });

  it("[HB31] what is no validation set is refused with what is wrong", async () => {
    const response = await testHub.askRaw(
      "PUT",
      `/api/lines/${line}/validation-set`,
      Uint8Array.of(1, 2, 3),
    );
    expect(response.status).toBe(422);
    const stored = await testHub.ask(
      "PUT",
      `/api/lines/${line}/validation-set`,
      testValidationSet(),
    );
    expect(stored).toMatchObject({ samples: 120, persons: 4, classes: 3 });
  });

  it("[HB48] a rollback that cannot be is refused by its code, also as a dry run", async () => {
    const order = { cohort: "default", to: base.version, reason: "missed falls", dryRun: true };
    await testHub.enrol("dev-a");
    const ask = async (change: object) =>
      codeOf(await testHub.askRaw("POST", "/api/rollbacks", { ...order, ...change }));
    expect(await ask({})).toBe("operator.state_conflict");
    expect(await ask({ cohort: "nobody" })).toBe("operator.cohort_unknown");
    expect(await ask({ to: "ffff" })).toBe("operator.version_unknown");
    expect(await ask({ reason: " " })).toBe("operator.request_invalid");
  });

  it("[HB30] a package that is none is refused; one that is there already is a conflict", async () => {
    expect((await testHub.askRaw("POST", "/api/models", Uint8Array.of(1, 2, 3))).status).toBe(422);
    const { testPackage } = await import("./testHub.ts");
    expect((await testHub.importPackage(await testPackage())).status).toBe(409);
    expect((await testHub.importPackage(await otherPackage("x"), "?line=other")).status).toBe(422);
  });

  it("[HB37] a signature by a key that is no release key, or over other bytes, signs nothing", async () => {
    expect((await testHub.importPackage(await otherPackage("y"))).status).toBe(202);
    await testHub.ask("PUT", `/api/lines/${line}/policy`, {
      policy: { gate: { shadow: { imported: false } } },
      reason: "no devices",
    });
    await testHub.until((state) => state.lines[0]?.challenger !== null, "a challenger");
    await testHub.until(
      (state) => ["signing", "shadowing"].includes(state.lines[0]?.challenger?.stage ?? ""),
      "signing",
    );
    const id = testHub.line().challenger?.signingRequest ?? "";
    const path = `/api/signing-requests/${id}/signatures`;
    const sign = async (keyId: string, signature: string) =>
      codeOf(await testHub.askRaw("POST", path, { keyId, signature }));
    const { releaseKeyIds } = testHub.state().trust;
    expect(await sign("0".repeat(16), "0".repeat(128))).toBe("signature.key_unknown");
    expect(await sign(releaseKeyIds[0] as string, "0".repeat(128))).toBe("signature.invalid");
    const refused = await testHub.ask<{ state: string }>(
      "POST",
      `/api/signing-requests/${id}/refusal`,
      {
        code: "delegation.missing",
        message: "a person has to look at imported versions",
      },
    );
    expect(refused.state).toBe("refused");
    expect(testHub.line().challenger).toBeNull();
    expect(
      (await testHub.askRaw("POST", path, { keyId: releaseKeyIds[0], signature: "0".repeat(128) }))
        .status,
    ).toBe(409);
  });
});

describe("page", () => {
  it("[HB90] files are served with a policy that lets nothing else run, and deep links are the page", async () => {
    const folder = mkdtempSync(join(tmpdir(), "attune-page-"));
    writeFileSync(join(folder, "index.html"), "<h1>Attune</h1>");
    const withPage = createHub({
      dataFolder: join(folder, "data"),
      fleet,
      mqtt: { kind: "embedded", tcpPort: 0, webSocketPort: null },
      http: null,
      pageFolder: folder,
    });
    for (const path of ["/", "/devices/dev-a"]) {
      const response = await withPage.app.request(path);
      expect(await response.text()).toBe("<h1>Attune</h1>");
      expect(response.headers.get("content-security-policy")).toMatch(
        /^default-src 'none'; script-src 'self'; style-src 'self'; /,
      );
    }
    rmSync(folder, { recursive: true });
  });
});
