import { describe, expect, it } from "vitest";
import {
  atMs,
  fleet,
  hubKey,
  keyOf,
  releaseKeys,
  strangerKey,
  trustRoot,
} from "../../test/sampleMessages.ts";
import { encodeCbor } from "../codec/cbor.ts";
import { assembleFrame, encodeFrame, parseFrame } from "../codec/frame.ts";
import { decodeMessage, encodeMessage } from "../codec/message.ts";
import { digestOf, type KeyPair, keyIdOf } from "../crypto/cryptography.ts";
import { nodeCryptography as cryptography } from "../crypto/nodeCryptography.ts";
import { type Outcome, unwrap } from "../errors.ts";
import type { Digest, FleetId } from "../ids.ts";
import { TRUST_ROOT_KEYS_MAX } from "../limits.ts";
import { type TrustRoot, trustRootMessage } from "../messages/trustRoot.ts";
import type { EpochMs } from "../units.ts";
import { isTrustRootExpired } from "./trustRootExpiry.ts";
import {
  acceptFirstTrustRoot,
  acceptNextTrustRoot,
  checkDemoRoot,
  checkTrustRootFresh,
  formatEnrolmentToken,
  keysOfRole,
  parseEnrolmentToken,
  replacesHubKeys,
  verifyRole,
} from "./trustRules.ts";

const [first, second, third] = releaseKeys;
const newHubKey = keyOf("another hub");
const newReleaseKeys = [keyOf("release 4"), keyOf("release 5")] as const;

const codeOf = (outcome: Outcome<unknown>): string => (outcome.ok ? "" : outcome.refusal.code);
const signed = (root: TrustRoot, keys: readonly KeyPair[] = [first, second]): Uint8Array =>
  encodeMessage(trustRootMessage, root, keys, cryptography);
const rootWith = (changes: Partial<TrustRoot>): TrustRoot => ({ ...trustRoot, ...changes });
const keys = (
  release: readonly KeyPair[],
  hub: readonly KeyPair[] = [hubKey],
): TrustRoot["keys"] => [
  ...release.map(({ publicKey }) => ({ publicKey, role: "release" as const })),
  ...hub.map(({ publicKey }) => ({ publicKey, role: "hub" as const })),
];
const acceptFirst = (bytes: Uint8Array, isLoopback = false): Outcome<TrustRoot> =>
  acceptFirstTrustRoot(bytes, digestOf(cryptography, bytes), isLoopback, cryptography);

describe("what a trust root may say", () => {
  // Our own encoder would throw.
  const decodes = (value: unknown): string =>
    codeOf(
      decodeMessage(
        trustRootMessage,
        encodeFrame("trustRoot", encodeCbor(value), [first, second], cryptography),
      ),
    );

  it.each<[string, Partial<TrustRoot>]>([
    ["a threshold above its release keys", { releaseThreshold: 4 }],
    ["a threshold of none", { releaseThreshold: 0 }],
    ["a release key twice, which would make two signatures of one", { keys: keys([first, first]) }],
    ["a key in both roles, which would make the hub a signer", { keys: keys([first, hubKey]) }],
    ["no hub key", { keys: keys(releaseKeys, []) }],
    [
      "more keys than the limit",
      { keys: keys(Array.from({ length: TRUST_ROOT_KEYS_MAX }, (_, at) => keyOf(`${at}`))) },
    ],
    [
      "a key of small order",
      { keys: [...keys(releaseKeys), { publicKey: new Uint8Array(32), role: "hub" }] },
    ],
    [
      "a key of 31 bytes",
      { keys: [...keys(releaseKeys), { publicKey: new Uint8Array(31).fill(9), role: "hub" }] },
    ],
    ["an expiry before its issue", { expiresAtMs: trustRoot.issuedAtMs }],
    ["version 0", { version: 0 }],
    ["version 1.5", { version: 1.5 }],
    [
      "a role that is none",
      {
        keys: [...keys(releaseKeys), { publicKey: strangerKey.publicKey, role: "admin" as "hub" }],
      },
    ],
  ])("[PR19] is not %s", (_, changes) => {
    expect(decodes(trustRoot)).toBe("");
    expect(decodes(rootWith(changes))).toBe("message.schema_invalid");
  });
});

describe("roles", () => {
  const frameOf = (...by: readonly KeyPair[]) =>
    unwrap(parseFrame(signed(trustRoot, by), "trustRoot"));

  it("[PR18] each have their own keys", () => {
    const id = (key: KeyPair): string => keyIdOf(cryptography, key.publicKey);
    expect([...keysOfRole(trustRoot, "hub", cryptography).keys()]).toStrictEqual([id(hubKey)]);
    expect([...keysOfRole(trustRoot, "release", cryptography).keys()]).toStrictEqual(
      releaseKeys.map(id),
    );
  });

  it("[PR18] need one hub key, or a threshold of release keys", () => {
    expect(codeOf(verifyRole(frameOf(hubKey), trustRoot, "hub", cryptography))).toBe("");
    expect(codeOf(verifyRole(frameOf(first, third), trustRoot, "release", cryptography))).toBe("");
    expect(codeOf(verifyRole(frameOf(first), trustRoot, "release", cryptography))).toBe(
      "signature.threshold_unmet",
    );
    expect(codeOf(verifyRole(frameOf(first, hubKey), trustRoot, "release", cryptography))).toBe(
      "signature.threshold_unmet",
    );
  });

  it("[PR18] signature.role_forbidden: a trusted key does not sign for the other role", () => {
    expect(codeOf(verifyRole(frameOf(first, second), trustRoot, "hub", cryptography))).toBe(
      "signature.role_forbidden",
    );
    expect(codeOf(verifyRole(frameOf(hubKey), trustRoot, "release", cryptography))).toBe(
      "signature.role_forbidden",
    );
  });

  it("[PR18] signature.key_unknown: a stranger, even under the name of a trusted key of the other role", () => {
    expect(codeOf(verifyRole(frameOf(strangerKey), trustRoot, "hub", cryptography))).toBe(
      "signature.key_unknown",
    );
    const frame = frameOf(strangerKey);
    const forged = assembleFrame("trustRoot", frame.payload, [
      {
        keyId: keyIdOf(cryptography, first.publicKey),
        signature: frame.signatures[0]?.signature as Uint8Array,
      },
    ]);
    expect(
      codeOf(verifyRole(unwrap(parseFrame(forged, "trustRoot")), trustRoot, "hub", cryptography)),
    ).toBe("signature.key_unknown");
  });
});

describe("the first trust root", () => {
  it("[PR20] is the one that the enrolment token names", () => {
    expect(unwrap(acceptFirst(signed(trustRoot)))).toStrictEqual(trustRoot);
  });

  it("[PR20] trust.root_mismatch: another one, or the same with other signatures", () => {
    const fingerprint = digestOf(cryptography, signed(trustRoot));
    const other = [
      signed(rootWith({ keys: keys(releaseKeys, [newHubKey]) })),
      signed(trustRoot, [first, third]),
    ];
    for (const bytes of other) {
      expect(codeOf(acceptFirstTrustRoot(bytes, fingerprint, true, cryptography))).toBe(
        "trust.root_mismatch",
      );
    }
  });

  it("[PR20] must be signed by itself: one that nobody could follow is not accepted", () => {
    expect(codeOf(acceptFirst(signed(trustRoot, [first])))).toBe("signature.threshold_unmet");
    expect(codeOf(acceptFirst(signed(trustRoot, [strangerKey, hubKey])))).toBe(
      "signature.role_forbidden",
    );
    expect(codeOf(acceptFirst(signed(trustRoot, [])))).toBe("signature.key_unknown");
  });

  it("[PR22] trust.demo_key_forbidden: a demo's, away from loopback", () => {
    const demo = rootWith({ isDemo: true });
    expect(codeOf(acceptFirst(signed(demo), true))).toBe("");
    expect(codeOf(acceptFirst(signed(demo), false))).toBe("trust.demo_key_forbidden");
    expect(codeOf(checkDemoRoot(demo, true))).toBe("");
    expect(codeOf(checkDemoRoot(demo, false))).toBe("trust.demo_key_forbidden");
    expect(codeOf(checkDemoRoot(trustRoot, false))).toBe("");
  });
});

describe("the next trust root", () => {
  const next = (
    changes: Partial<TrustRoot>,
    by: readonly KeyPair[] = [first, second],
  ): Outcome<TrustRoot> =>
    acceptNextTrustRoot(trustRoot, signed(rootWith({ version: 2, ...changes }), by), cryptography);

  it("[PR21] may bring a new hub key, signed by the release keys", () => {
    const outcome = next({ keys: keys(releaseKeys, [newHubKey]) });
    expect(unwrap(outcome).keys.at(-1)?.publicKey).toStrictEqual(newHubKey.publicKey);
  });

  it("[PR21] may bring new release keys, signed by a threshold of the old and of the new", () => {
    const changes = { keys: keys(newReleaseKeys) };
    expect(codeOf(next(changes, [first, second, ...newReleaseKeys]))).toBe("");
    expect(codeOf(next(changes, [first, ...newReleaseKeys]))).toBe("signature.threshold_unmet");
    expect(codeOf(next(changes, [first, second, newReleaseKeys[0]]))).toBe(
      "signature.threshold_unmet",
    );
    expect(codeOf(next(changes, newReleaseKeys))).toBe("signature.key_unknown");
    expect(codeOf(next(changes, [first, second]))).toBe("signature.key_unknown");
  });

  it("[PR21] may raise the threshold only with as many signatures", () => {
    expect(codeOf(next({ releaseThreshold: 3 }))).toBe("signature.threshold_unmet");
    expect(codeOf(next({ releaseThreshold: 3 }, releaseKeys))).toBe("");
    // The old threshold holds for the step that lowers it.
    expect(codeOf(next({ releaseThreshold: 1 }, [first]))).toBe("signature.threshold_unmet");
  });

  it("[PR21] may skip versions, so that a device which slept is not locked out", () => {
    expect(unwrap(next({ version: 9 })).version).toBe(9);
  });

  it("[PR21] is the current one, unchanged, when it says the same, whoever signed", () => {
    const again = acceptNextTrustRoot(trustRoot, signed(trustRoot, [second, third]), cryptography);
    expect(again.ok && again.value).toBe(trustRoot);
  });

  it("[PR21] trust.root_version_replayed: an older one, or another one of the same version", () => {
    const current = rootWith({ version: 2 });
    for (const root of [
      trustRoot,
      rootWith({ version: 2, keys: keys(releaseKeys, [newHubKey]) }),
    ]) {
      expect(codeOf(acceptNextTrustRoot(current, signed(root), cryptography))).toBe(
        "trust.root_version_replayed",
      );
    }
  });

  it("[PR21] trust.root_mismatch: of another fleet, or a demo's instead of a real one", () => {
    expect(codeOf(next({ fleet: "away" as FleetId }))).toBe("trust.root_mismatch");
    expect(codeOf(next({ isDemo: true }))).toBe("trust.root_mismatch");
    const demo = rootWith({ isDemo: true });
    expect(codeOf(acceptNextTrustRoot(demo, signed(rootWith({ version: 2 })), cryptography))).toBe(
      "trust.root_mismatch",
    );
  });

  it("[PR21] is nothing that the hub alone can make", () => {
    expect(codeOf(next({}, [hubKey]))).toBe("signature.role_forbidden");
    expect(codeOf(next({ keys: keys(releaseKeys, [newHubKey]) }, [hubKey]))).toBe(
      "signature.key_unknown",
    );
    expect(
      codeOf(
        next({ keys: keys([hubKey, strangerKey], [newHubKey]), releaseThreshold: 1 }, [hubKey]),
      ),
    ).toBe("signature.role_forbidden");
  });

  it("[PR24] begins the hub's counters again when none of the hub's keys is left", () => {
    const withHubs = (...hubs: KeyPair[]): TrustRoot => rootWith({ keys: keys(releaseKeys, hubs) });
    expect(replacesHubKeys(withHubs(hubKey), withHubs(newHubKey))).toBe(true);
    expect(replacesHubKeys(withHubs(hubKey), withHubs(hubKey))).toBe(false);
    // While the old key may still decide, its old decisions must stay old.
    expect(replacesHubKeys(withHubs(hubKey), withHubs(hubKey, newHubKey))).toBe(false);
    expect(replacesHubKeys(withHubs(hubKey, newHubKey), withHubs(newHubKey))).toBe(false);
    // A key that changes its role is no hub key any more.
    expect(
      replacesHubKeys(withHubs(hubKey), rootWith({ keys: keys([hubKey, first], [newHubKey]) })),
    ).toBe(true);
  });
});

describe("expiry", () => {
  it("[PR23] trust.root_expired: for who has a trusted clock", () => {
    const before = (trustRoot.expiresAtMs - 1) as EpochMs;
    expect(isTrustRootExpired(trustRoot, before)).toBe(false);
    expect(codeOf(checkTrustRootFresh(trustRoot, before))).toBe("");
    expect(isTrustRootExpired(trustRoot, trustRoot.expiresAtMs)).toBe(true);
    expect(codeOf(checkTrustRootFresh(trustRoot, trustRoot.expiresAtMs))).toBe(
      "trust.root_expired",
    );
  });

  it("[PR23] only warns a device: an expired root is accepted as any other", () => {
    const expired = rootWith({ issuedAtMs: 1 as EpochMs, expiresAtMs: 2 as EpochMs });
    expect(codeOf(acceptFirst(signed(expired)))).toBe("");
    expect(isTrustRootExpired(expired, atMs)).toBe(true);
  });
});

describe("an enrolment token", () => {
  const token = { fleet, secret: "abcDEF012-_456789", fingerprint: "0f".repeat(32) as Digest };
  const text = `home.abcDEF012-_456789.${"0f".repeat(32)}`;

  it("[PR50] is fleet, secret and fingerprint, with points between them", () => {
    expect(formatEnrolmentToken(token)).toBe(text);
    expect(unwrap(parseEnrolmentToken(text))).toStrictEqual(token);
    expect(unwrap(parseEnrolmentToken(`  ${text}\n`))).toStrictEqual(token);
  });

  it.each([
    "",
    "hello",
    "..",
    `home.short.${"0f".repeat(32)}`,
    `home.${"s".repeat(129)}.${"0f".repeat(32)}`,
    `home.abcDEF012-_456789!.${"0f".repeat(32)}`,
    `Home.abcDEF012-_456789.${"0f".repeat(32)}`,
    `home.abcDEF012-_456789.${"0F".repeat(32)}`,
    `home.abcDEF012-_456789.${"0f".repeat(31)}`,
    `${text}.more`,
    `home/+/#.abcDEF012-_456789.${"0f".repeat(32)}`,
  ])("[PR50] enrolment.token_invalid: %s", (wrong) => {
    const outcome = parseEnrolmentToken(wrong);
    expect(codeOf(outcome)).toBe("enrolment.token_invalid");
    // Whatever it was, it may have been a secret.
    expect(outcome.ok ? "" : outcome.refusal.message).not.toContain("abcDEF012");
  });
});
