import fc from "fast-check";
import { expect, it } from "vitest";
import { crc32c } from "./crc32c.ts";

it("[ST10] the checksum is CRC-32C: RFC 3720's examples", () => {
  expect(crc32c(new TextEncoder().encode("123456789"))).toBe(0xe3069283);
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
  expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
  expect(crc32c(Uint8Array.from({ length: 32 }, (_, index) => index))).toBe(0x46dd794e);
  expect(crc32c(new Uint8Array(0))).toBe(0);
});

it("[ST10] it can be taken in parts, and sees every flipped bit", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1 }), fc.nat(), fc.nat(), (bytes, cut, flip) => {
      const at = cut % bytes.length;
      expect(crc32c(bytes.subarray(at), crc32c(bytes.subarray(0, at)))).toBe(crc32c(bytes));
      const flipped = bytes.slice();
      const bit = flip % (bytes.length * 8);
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(crc32c(flipped)).not.toBe(crc32c(bytes));
    }),
  );
});
