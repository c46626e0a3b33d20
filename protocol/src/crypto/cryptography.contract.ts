// What every implementation of the port must do alike, to the bit: a signature that one device takes and another refuses would
// split a fleet.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import signatures from "../../test/vectors/signatures.json" with { type: "json" };
import type { Cryptography } from "./cryptography.ts";

const bytesOf = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, "hex"));
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** RFC 8032, section 7.1: seed, public key, message, signature. */
const rfc8032: readonly (readonly [string, string, string, string, string])[] = [
  [
    "1",
    "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    "",
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
  ],
  [
    "2",
    "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
    "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
    "72",
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
  ],
  [
    "3",
    "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
    "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
    "af82",
    "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
  ],
  [
    "SHA(abc)",
    "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
    "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
    "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
  ],
];

/** Order of the group, little endian. */
const L = 2n ** 252n + 27742317777372353535851937790883648493n;
const littleEndian = (number: bigint): Uint8Array =>
  bytesOf(number.toString(16).padStart(64, "0")).reverse();
const numberOf = (bytes: Uint8Array): bigint =>
  BigInt(`0x${hexOf(new Uint8Array(bytes).reverse())}`);

/** Runs the suite against one implementation. */
export function describeCryptography(name: string, cryptography: Cryptography): void {
  const [seedHex = "", publicHex = "", , signatureHex = ""] = rfc8032[0]?.slice(1) ?? [];
  const publicKey = bytesOf(publicHex);
  const signature = bytesOf(signatureHex);
  const empty = new Uint8Array();

  describe(`cryptography of ${name}`, () => {
    it.each([
      ["", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
      ["616263", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
      ["61".repeat(200), "c2a908d98f5df987ade41b5fce213067efbcc21ef2240212a41e54b5e7c28ae5"],
    ])("[PR11] hashes %s as FIPS 180-4 says", (message, digest) => {
      expect(hexOf(cryptography.sha256(bytesOf(message)))).toBe(digest);
    });

    it.each(rfc8032)(
      "[PR15] signs and verifies test %s of RFC 8032",
      (_, seed, key, message, signed) => {
        const keys = cryptography.keyPair(bytesOf(seed));
        expect(hexOf(keys.publicKey)).toBe(key);
        expect(hexOf(keys.secretKey)).toBe(seed);
        expect(hexOf(cryptography.sign(keys.secretKey, bytesOf(message)))).toBe(signed);
        expect(cryptography.verify(bytesOf(key), bytesOf(message), bytesOf(signed))).toBe(true);
      },
    );

    it.each(signatures.map((vector) => [vector.name, vector] as const))(
      "[PR15] gives the verdict on %s",
      (_, { publicKey: key, message, signature: signed, isValid }) => {
        expect(cryptography.verify(bytesOf(key), bytesOf(message), bytesOf(signed))).toBe(isValid);
      },
    );

    it("[PR15] refuses S + L, the same signature in other bytes", () => {
      const other = signature.slice();
      other.set(littleEndian(numberOf(signature.subarray(32)) + L), 32);
      expect(cryptography.verify(publicKey, empty, signature)).toBe(true);
      expect(cryptography.verify(publicKey, empty, other)).toBe(false);
    });

    it("[PR15] refuses keys that are not canonical, of small order or no point at all", () => {
      const p = 2n ** 255n - 19n;
      for (let y = 0n; y < 19n; y += 1n) {
        for (const sign of [0n, 1n << 255n]) {
          expect(cryptography.verify(littleEndian(p + y + sign), empty, signature)).toBe(false);
        }
      }
      const identity = littleEndian(1n);
      const identitySignature = new Uint8Array([...identity, ...new Uint8Array(32)]);
      expect(cryptography.verify(identity, empty, identitySignature)).toBe(false);
      // y = 2 has no x.
      expect(cryptography.verify(littleEndian(2n), empty, signature)).toBe(false);
    });

    it("[PR15] refuses keys and signatures of another length, and never throws", () => {
      for (const length of [0, 1, 31, 33, 64]) {
        expect(cryptography.verify(new Uint8Array(length).fill(9), empty, signature)).toBe(false);
      }
      for (const length of [0, 1, 63, 65, 128]) {
        expect(cryptography.verify(publicKey, empty, new Uint8Array(length).fill(9))).toBe(false);
      }
    });

    it("throws for a seed that is not 32 bytes", () => {
      for (const length of [0, 31, 33, 64]) {
        expect(() => cryptography.keyPair(new Uint8Array(length))).toThrowError();
        expect(() => cryptography.sign(new Uint8Array(length), empty)).toThrowError();
      }
    });

    it("owns what it returns: a seed may be wiped, a Buffer reused", () => {
      const seed = Buffer.from(seedHex, "hex");
      const keys = cryptography.keyPair(seed);
      seed.fill(0);
      expect(hexOf(keys.secretKey)).toBe(seedHex);
      const key = Buffer.from(publicHex, "hex");
      key[31] = (key[31] ?? 0) | 0x80;
      const before = hexOf(key);
      cryptography.verify(key, empty, signature);
      expect(hexOf(key)).toBe(before);
    });

    it("[PR15] takes back what it signed, and nothing with a bit changed", () => {
      fc.assert(
        fc.property(
          fc.uint8Array({ minLength: 32, maxLength: 32 }),
          fc.uint8Array({ maxLength: 100 }),
          fc.nat({ max: 511 }),
          (seed, message, bit) => {
            const keys = cryptography.keyPair(seed);
            const signed = cryptography.sign(keys.secretKey, message);
            expect(cryptography.verify(keys.publicKey, message, signed)).toBe(true);
            const changed = signed.slice();
            changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
            expect(cryptography.verify(keys.publicKey, message, changed)).toBe(false);
            expect(
              cryptography.verify(keys.publicKey, new Uint8Array([...message, 0]), signed),
            ).toBe(false);
          },
        ),
        { numRuns: 25 },
      );
    });
  });
}
