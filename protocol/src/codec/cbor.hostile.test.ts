// Bytes that are small and would be expensive: each must be refused for no more than its own size.
import { describe, expect, it } from "vitest";
import { FRAME_BYTES_MAX, MESSAGE_ITEMS_MAX } from "../limits.ts";
import { decodeCbor } from "./cbor.ts";

const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "hex"));
const filled = (head: string, fill: number): Uint8Array => {
  const bytes = new Uint8Array(FRAME_BYTES_MAX).fill(fill);
  bytes.set(bytesOf(head));
  return bytes;
};

/** Bytes that are in use after a call, heap and array buffers together, above what was before; the garbage is still there. */
const growthOf = (call: () => unknown): number => {
  const used = (): number => {
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const before = used();
  const kept = call();
  const growth = used() - before;
  // Kept until it was measured.
  expect(kept).toBeDefined();
  return growth;
};

describe("a length that promises gigabytes", () => {
  it.each<[string, string]>([
    ["an array of 2^32 - 1", "9affffffff"],
    ["an array of 2^31 - 1", "9a7fffffff"],
    ["an array of 100 million", "9a05f5e100"],
    ["an array of 2^53 - 1", "9b001fffffffffffff"],
    ["a map of 2^32 - 1", "baffffffff"],
    ["a map of 2^53 - 1", "bb001fffffffffffff"],
    ["a text of 2^32 - 1", "7affffffff"],
    ["bytes of 2^32 - 1", "5affffffff"],
    ["bytes of 2^53 - 1", "5b001fffffffffffff"],
    ["a typed array of 2^32 - 8", "d8565afffffff8"],
    ["a tag of 2^53 - 1", "db001fffffffffffff"],
  ])("[PR6] %s allocates next to nothing", (_, head) => {
    for (const bytes of [bytesOf(head), filled(head, 0), filled(head, 0x81), filled(head, 0x61)]) {
      const growth = growthOf(() => {
        const outcome = decodeCbor(bytes);
        expect(outcome.ok).toBe(false);
        return outcome;
      });
      expect(growth).toBeLessThan(1_000_000);
    }
  });
});

describe("a whole frame of the worst", () => {
  it.each<[string, Uint8Array]>([
    ["arrays, 98,304 deep", new Uint8Array(FRAME_BYTES_MAX).fill(0x81)],
    [
      "maps, 32,768 deep",
      new Uint8Array(FRAME_BYTES_MAX).map((_, at) => [0xa1, 0x61, 0x61][at % 3] ?? 0),
    ],
    ["tags, 98,304 deep", new Uint8Array(FRAME_BYTES_MAX).fill(0xc1)],
    [
      "references, 32,768 of them",
      new Uint8Array(FRAME_BYTES_MAX).map((_, at) => [0xd8, 0x1d, 0x00][at % 3] ?? 0),
    ],
    ["a big number of 98,299 bytes", filled("c25a00017ffa", 0xff)],
  ])("[PR6] %s is refused after a few bytes", (_, bytes) => {
    const outcome = decodeCbor(bytes);
    expect(outcome).toMatchObject({ ok: false, refusal: { code: "frame.not_decodable" } });
  });

  it.each<[string, Uint8Array]>([
    ["98,299 empty maps", filled("9a00017ffb", 0xa0)],
    ["98,299 empty arrays", filled("9a00017ffb", 0x80)],
    ["98,299 values that are undefined", filled("9a00017ffb", 0xf7)],
    ["98,299 empty texts", filled("9a00017ffb", 0x60)],
    ["98,299 empty byte strings", filled("9a00017ffb", 0x40)],
  ])("[PR6] %s stay within a bound, and are not even made for a message", (_, bytes) => {
    // About 200 bytes for a view of nothing: the dearest value that one byte buys.
    expect(growthOf(() => decodeCbor(bytes))).toBeLessThan(250 * bytes.length);
    expect(decodeCbor(bytes, MESSAGE_ITEMS_MAX).ok).toBe(false);
    expect(growthOf(() => decodeCbor(bytes, MESSAGE_ITEMS_MAX))).toBeLessThan(
      250 * MESSAGE_ITEMS_MAX,
    );
  });

  it("[PR6] 16,000 different keys are read once each", () => {
    const keys = Array.from({ length: 16_000 }, (_, index) => index.toString(36).padStart(4, "0"));
    const parts = keys.map((key) => `64${Buffer.from(key).toString("hex")}00`);
    const outcome = decodeCbor(bytesOf(`b9${keys.length.toString(16)}${parts.join("")}`));
    expect(outcome.ok && Object.keys(outcome.value as object).length).toBe(16_000);
  });
});
