import type { DeviceId, Digest, ModelVersion } from "@attune/protocol";
import { nodeCryptography } from "@attune/protocol/node";
import fc from "fast-check";
import { expect, it } from "vitest";
import {
  contributionsDigest,
  createContributionPool,
  type PendingContribution,
} from "./contributionPool.ts";
import { stalenessOf } from "./staleness.ts";

const version = (name: string): ModelVersion => name as ModelVersion;
/** one <- two <- three; canary grows from three; lonely from nowhere. */
const parents = new Map([
  ["two", "one"],
  ["three", "two"],
  ["canary", "three"],
]);
const parentOf = (of: ModelVersion): ModelVersion | null =>
  (parents.get(of) ?? null) as ModelVersion | null;

const pending = (
  device: string,
  contributionSequence: number,
  base: string,
): PendingContribution => ({
  digest: `${device}-${contributionSequence}` as Digest,
  device: device as DeviceId,
  contributionSequence,
  base: version(base),
});

const digests = (
  pool: ReturnType<typeof createContributionPool>,
  champion: string,
  stalenessMax = 3,
) => pool.eligible(version(champion), parentOf, stalenessMax).map(({ digest }) => digest);

it("[HB24] staleness is the way back along the lineage; a base beside it has none", () => {
  expect(stalenessOf(version("three"), version("three"), parentOf, 3)).toBe(0);
  expect(stalenessOf(version("one"), version("three"), parentOf, 3)).toBe(2);
  expect(stalenessOf(version("one"), version("three"), parentOf, 1)).toBeNull();
  expect(stalenessOf(version("canary"), version("three"), parentOf, 3)).toBeNull();
  expect(stalenessOf(version("lonely"), version("three"), parentOf, 3)).toBeNull();
});

it("[HB25] a window takes one contribution a device: its latest", () => {
  const pool = createContributionPool();
  for (const contribution of [
    pending("a", 2, "three"),
    pending("a", 1, "two"),
    pending("b", 1, "three"),
  ]) {
    pool.add(contribution);
  }
  expect(digests(pool, "three")).toEqual(["a-2", "b-1"]);
});

it("[HB25] a canary's contribution waits, counts when it is promoted, and is dropped when it is rolled back", () => {
  const pool = createContributionPool();
  pool.add(pending("a", 1, "three"));
  pool.add(pending("a", 2, "canary"));
  expect(digests(pool, "three")).toEqual(["a-1"]);
  expect(digests(pool, "canary")).toEqual(["a-2"]);
  pool.keepBases(new Set([version("three"), version("two")]));
  expect(digests(pool, "canary")).toEqual(["a-1"]);
});

it("[HB25] what a window has taken, and what came before it from the same device, is gone; what came later stays", () => {
  const pool = createContributionPool();
  pool.add(pending("a", 1, "two"));
  pool.add(pending("a", 2, "three"));
  pool.add(pending("a", 3, "canary"));
  pool.removeUpTo("a" as DeviceId, 2);
  expect(digests(pool, "canary")).toEqual(["a-3"]);
  pool.removeDevice("a" as DeviceId);
  expect(pool.deviceCount).toBe(0);
});

it("[HB25] the order of arrival changes nothing", () => {
  const contribution = fc
    .tuple(
      fc.constantFrom("a", "b", "c"),
      fc.integer({ min: 1, max: 9 }),
      fc.constantFrom("one", "two", "three", "canary", "lonely"),
    )
    .map(([device, sequence, base]) => pending(device, sequence, base));
  fc.assert(
    fc.property(
      fc
        .uniqueArray(contribution, { selector: ({ digest }) => digest, maxLength: 20 })
        .chain((list) =>
          fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })),
        ),
      ([list, shuffled]) => {
        const pools = [list, shuffled].map((order) => {
          const pool = createContributionPool();
          for (const each of order) pool.add(each);
          return pool;
        });
        const [first, second] = pools.map((pool) => digests(pool, "three"));
        expect(first).toEqual(second);
      },
    ),
  );
});

it("[HB26] a lineage's digest of its contributions does not depend on their order", () => {
  const some = ["b", "a", "c"] as Digest[];
  const digest = contributionsDigest(some, nodeCryptography);
  expect(digest).toBe(contributionsDigest([...some].reverse(), nodeCryptography));
  expect(digest).not.toBe(contributionsDigest(some.slice(1), nodeCryptography));
});
