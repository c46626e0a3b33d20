import {
  assembleFrame,
  type Delegation,
  type Digest,
  decodeMessage,
  delegationMessage,
  encodeMessage,
  type FleetId,
  type FrameSignature,
  keyIdOf,
  keysOfRole,
  parseFrame,
  type ReleaseRecord,
  releaseRecordMessage,
  trustRootMessage,
  unwrap,
  verifySignatures,
} from "@attune/protocol";
import { nodeCryptography as cryptography } from "@attune/protocol/node";
import { describe, expect, it } from "vitest";
import { honest, now, passed } from "../../test/operator/honestAggregate.ts";
import { CommandError, exitCodes } from "../cli/exitCodes.ts";
import { draftTrustRoot } from "./draftTrustRoot.ts";
import { createSigner, type Signer } from "./signer.ts";
import type { ReleaseKey } from "./signerFolder.ts";
import type { OpenRequest, SignerHub } from "./signerHub.ts";

const keyOf = (seed: number): ReleaseKey => {
  const pair = cryptography.keyPair(new Uint8Array(32).fill(seed));
  return { ...pair, keyId: keyIdOf(cryptography, pair.publicKey), isDemo: false };
};
const hubKey = keyOf(9);

interface World {
  readonly signer: Signer;
  readonly requests: Map<string, OpenRequest>;
  readonly signatures: FrameSignature[];
  readonly refusals: { id: string; code: string; message: string }[];
  readonly waits: { id: string; code: string; message: string }[];
  /** The frame that the hub would make of the collected signatures. */
  signedRecord(): Uint8Array;
  readonly isReleased: (frame: Uint8Array) => boolean;
}

interface WorldOptions {
  readonly keys?: readonly ReleaseKey[];
  readonly threshold?: number;
  readonly approvesImports?: boolean;
  readonly record?: Partial<ReleaseRecord>;
  readonly delegation?: Partial<Delegation> | null;
  readonly delegationKeys?: readonly ReleaseKey[];
  /** A delegation of the same line for another graph as well. */
  readonly otherGraph?: boolean;
  readonly recordKeys?: readonly ReleaseKey[];
  readonly loseBlobs?: boolean;
}

/** A signer beside a hub that keeps everything in memory: the honest fixture, published. */
function createWorld(options: WorldOptions = {}): World {
  const keys = options.keys ?? [keyOf(1)];
  const { request, delegation } = honest();
  const record = { ...request.record, ...options.record };
  const frame = draftTrustRoot(
    {
      fleet: "home" as FleetId,
      releaseKeys: keys,
      hubPublicKey: hubKey.publicKey,
      releaseThreshold: options.threshold ?? 1,
      isDemo: false,
      issuedAtMs: now,
      validDays: 365,
    },
    cryptography,
  );
  const trustRoot = unwrap(decodeMessage(trustRootMessage, frame)).value;
  const blobs = new Map<string, Uint8Array>([
    [request.record.parts.parameters.digest, request.parameters],
    [request.deltaBase.record.parts.parameters.digest, request.deltaBase.parameters],
    [request.delegationBase.record.parts.parameters.digest, request.delegationBase.parameters],
  ]);
  if (request.record.delta !== undefined)
    blobs.set(request.record.delta.blob.digest, request.delta);
  const records = new Map(
    [request.deltaBase.record, request.delegationBase.record].map((released) => [
      released.version as string,
      encodeMessage(releaseRecordMessage, released, options.recordKeys ?? keys, cryptography),
    ]),
  );
  const unsigned = encodeMessage(releaseRecordMessage, record, [], cryptography);
  const { payload } = unwrap(parseFrame(unsigned, "releaseRecord"));
  const requests = new Map<string, OpenRequest>([
    [
      "r1",
      {
        id: "r1",
        payload,
        evidence: { version: record.version, verdict: "promote", checks: [passed] },
        signedBy: [],
        waitsFor: "",
        isOpen: true,
      },
    ],
  ]);
  const signatures: FrameSignature[] = [];
  const refusals: World["refusals"] = [];
  const waits: World["waits"] = [];
  const missing = (what: string): CommandError =>
    new CommandError(exitCodes.refused, "operator.version_unknown", `no ${what}`, "");
  const change = (id: string, changes: Partial<OpenRequest>): OpenRequest => {
    const before = requests.get(id);
    if (before === undefined) throw missing(id);
    const after = { ...before, ...changes };
    requests.set(id, after);
    return after;
  };
  const hub: SignerHub = {
    openRequests: async () => [...requests.values()].filter(({ isOpen }) => isOpen),
    request: async (id) => change(id, {}),
    recordFrame: async (version) => {
      const found = records.get(version);
      if (found === undefined) throw missing(version);
      return found;
    },
    blob: async ({ digest }) => {
      const found = options.loseBlobs === true ? undefined : blobs.get(digest);
      if (found === undefined) throw missing(digest);
      return found;
    },
    sign: async (id, keyId, signature) => {
      signatures.push({ keyId, signature });
      const signedBy = [...(requests.get(id)?.signedBy ?? []), keyId];
      return change(id, { signedBy, isOpen: signedBy.length < (options.threshold ?? 1) });
    },
    refuse: async (id, code, message) => {
      refusals.push({ id, code, message });
      change(id, { isOpen: false });
    },
    wait: async (id, code, message) => {
      waits.push({ id, code, message });
      change(id, { waitsFor: message });
    },
  };
  const delegationFrame =
    options.delegation === null
      ? null
      : encodeMessage(
          delegationMessage,
          { ...delegation, ...options.delegation },
          options.delegationKeys ?? keys,
          cryptography,
        );
  const otherGraphFrame = encodeMessage(
    delegationMessage,
    { ...delegation, graph: "e".repeat(64) as Digest },
    keys,
    cryptography,
  );
  return {
    signer: createSigner({
      keys,
      trustRoot,
      delegationFrames: () => [
        ...(options.otherGraph === true ? [otherGraphFrame] : []),
        ...(delegationFrame === null ? [] : [delegationFrame]),
      ],
      hub,
      nowMs: () => now,
      cryptography,
      approvesImports: options.approvesImports ?? false,
    }),
    requests,
    signatures,
    refusals,
    waits,
    signedRecord: () => assembleFrame("releaseRecord", payload, signatures),
    isReleased: (bytes) =>
      verifySignatures(
        unwrap(parseFrame(bytes, "releaseRecord")),
        keysOfRole(trustRoot, "release", cryptography),
        trustRoot.releaseThreshold,
        cryptography,
      ).ok,
  };
}

const imported = { lineage: { source: "imported" as const, contributionCount: 0 } };

describe("createSigner", () => {
  it("co-signs the exact bytes of an aggregate, so that devices accept the record", async () => {
    const world = createWorld();
    const acts = await world.signer.pollOnce();
    expect(acts.map(({ kind }) => kind)).toEqual(["signed"]);
    expect(world.isReleased(world.signedRecord())).toBe(true);
    expect(await world.signer.pollOnce()).toEqual([]);
  });

  it("signs with as many keys as the threshold asks for, and no more", async () => {
    const world = createWorld({ keys: [keyOf(1), keyOf(2), keyOf(3)], threshold: 2 });
    await world.signer.pollOnce();
    expect(world.signatures.map(({ keyId }) => keyId)).toEqual([keyOf(1).keyId, keyOf(2).keyId]);
    expect(world.isReleased(world.signedRecord())).toBe(true);
  });

  it("does not sign again what waits for the other holders' keys", async () => {
    const world = createWorld({ threshold: 1 });
    const request = world.requests.get("r1");
    if (request === undefined) throw new Error("the fixture has a request");
    world.requests.set("r1", { ...request, signedBy: [keyOf(1).keyId] });
    expect(await world.signer.pollOnce()).toEqual([]);
    expect(world.signatures).toEqual([]);
  });

  it("tells the hub why it refuses", async () => {
    const world = createWorld({ delegation: { normMax: 0.1 } });
    const acts = await world.signer.pollOnce();
    expect(acts[0]).toMatchObject({ kind: "refused", code: "delegation.norm_exceeded" });
    expect(world.refusals[0]).toMatchObject({ id: "r1", code: "delegation.norm_exceeded" });
    expect(world.signatures).toEqual([]);
  });

  it("refuses under a delegation that a key outside the trust root signed", async () => {
    const world = createWorld({ delegationKeys: [hubKey] });
    expect(await world.signer.pollOnce()).toMatchObject([
      { kind: "refused", code: "signature.key_unknown" },
    ]);
  });

  it("refuses around a base whose record the release keys never signed", async () => {
    const world = createWorld({ recordKeys: [hubKey] });
    expect(await world.signer.pollOnce()).toMatchObject([
      { kind: "refused", code: "delegation.base_mismatch" },
    ]);
  });

  it("leaves open what nothing covers, says once what it waits for, and signs it when it is covered", async () => {
    const world = createWorld({ delegation: null });
    const waiting = { kind: "waiting", code: "delegation.missing" };
    expect(await world.signer.pollOnce()).toMatchObject([waiting]);
    expect(await world.signer.pollOnce()).toMatchObject([waiting]);
    expect(world.refusals).toEqual([]);
    expect(world.waits).toMatchObject([{ id: "r1", code: "delegation.missing" }]);
    expect(world.waits[0]?.message).toContain("attune signer delegate");
    expect(world.requests.get("r1")?.isOpen).toBe(true);
  });

  it("waits as well when only another graph is covered, and names the command that ends the wait", async () => {
    const world = createWorld({ delegation: null, otherGraph: true });
    expect(await world.signer.pollOnce()).toMatchObject([
      { kind: "waiting", code: "delegation.graph_mismatch" },
    ]);
    expect(world.waits[0]?.message).toMatch(/attune signer delegate --base \w+@\w{8} --norm-max/);
    const both = createWorld({ otherGraph: true });
    expect(await both.signer.pollOnce()).toMatchObject([{ kind: "signed" }]);
  });

  it("leaves an imported release to a person, who can sign it", async () => {
    const world = createWorld({ record: imported });
    const acts = await world.signer.pollOnce();
    expect(acts[0]).toMatchObject({ kind: "waiting" });
    expect(acts[0]?.because).toContain("attune signer approve r1");
    expect([world.signatures, world.refusals]).toEqual([[], []]);
    expect(await world.signer.approve("r1")).toMatchObject({ kind: "signed" });
    expect(world.isReleased(world.signedRecord())).toBe(true);
    expect(await world.signer.approve("r1")).toMatchObject({ code: "operator.state_conflict" });
  });

  it("signs imported releases by itself only where it was told so", async () => {
    const world = createWorld({ record: imported, approvesImports: true });
    expect(await world.signer.pollOnce()).toMatchObject([{ kind: "signed" }]);
  });

  it("does not sign a version that its parts do not make, not even for a person", async () => {
    const record = { ...imported, version: honest().delegation.base };
    for (const act of [
      (await createWorld({ record, approvesImports: true }).signer.pollOnce())[0],
      await createWorld({ record }).signer.approve("r1"),
    ]) {
      expect(act).toMatchObject({ kind: "refused", code: "version.mismatch" });
    }
  });

  it.each([
    ["nothing", new Uint8Array(), "frame.not_decodable"],
    ["noise", Uint8Array.of(0xff, 0x01), "frame.not_decodable"],
    ["another message", Uint8Array.of(0xa0), "message.schema_invalid"],
    ["more than a frame holds", new Uint8Array(200_000), "frame.too_large"],
  ])("refuses to sign %s", async (_, payload, code) => {
    const world = createWorld({ approvesImports: true });
    const request = world.requests.get("r1");
    if (request === undefined) throw new Error("the fixture has a request");
    world.requests.set("r1", { ...request, payload });
    expect(await world.signer.pollOnce()).toMatchObject([{ kind: "refused", code }]);
    expect(world.signatures).toEqual([]);
  });

  it("goes on with the next request when one cannot be looked at, and tries it again", async () => {
    const world = createWorld({ loseBlobs: true });
    const acts = await world.signer.pollOnce();
    expect(acts).toMatchObject([{ kind: "failed", request: "r1" }]);
    expect(world.requests.get("r1")?.isOpen).toBe(true);
    expect(await world.signer.pollOnce()).toHaveLength(1);
  });

  it("asks its clock for every request", async () => {
    expect(await createWorld({ delegation: { expiresAtMs: now } }).signer.pollOnce()).toMatchObject(
      [{ kind: "waiting", code: "delegation.expired" }],
    );
  });
});
