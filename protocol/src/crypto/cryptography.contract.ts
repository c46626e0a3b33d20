// What every implementation of the port must do alike, to the bit: a signature that one device takes and another refuses would
// split a fleet.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
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

/**
 * Chalkias, Garillot, Nikolaenko 2020, "Taming the many EdDSAs", appendix C, and the generator of its cases: message, public key,
 * signature. What is right here is the strictest reading, see PR15.
 */
const edgeCases: readonly (readonly [boolean, string, string, string, string])[] = [
  [
    false,
    "small A, small R, S = 0",
    "8c93255d71dcab10e8f379c26200f3c7bd5f09d9bc3068d3ef4edeb4853022b6",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a0000000000000000000000000000000000000000000000000000000000000000",
  ],
  [
    false,
    "small A, mixed R",
    "9bd9f44f4dcc75bd531b56b2cd280b0bb38fc1cd6d1230e14861d861de092e79",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43a5bb704786be79fc476f91d3f3f89b03984d8068dcf1bb7dfc6637b45450ac04",
  ],
  [
    false,
    "mixed A, small R, both equations hold",
    "aebf3f2601a0c8c5d39cc7d8911642f740b78168218da8471772b35f9d35b9ab",
    "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa8c4bd45aecaca5b24fb97bc10ac27ac8751a7dfe1baff8b953ec9f5833ca260e",
  ],
  [
    true,
    "mixed A, mixed R, both equations hold",
    "9bd9f44f4dcc75bd531b56b2cd280b0bb38fc1cd6d1230e14861d861de092e79",
    "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
    "9046a64750444938de19f227bb80485e92b83fdb4b6506c160484c016cc1852f87909e14428a7a1d62e9f22f3d3ad7802db02eb2e688b6c52fcd6648a98bd009",
  ],
  [
    false,
    "mixed A, mixed R, only the equation with the cofactor holds",
    "e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec4011eaccd55b53f56c",
    "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
    "160a1cb0dc9c0258cd0a7d23e94d8fa878bcb1925f2c64246b2dee1796bed5125ec6bc982a269b723e0668e540911a9a6a58921d6925e434ab10aa7940551a09",
  ],
  [
    false,
    "only the equation with the cofactor holds, and 8k must not be reduced first",
    "e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec4011eaccd55b53f56c",
    "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
    "21122a84e0b5fca4052f5b1235c80a537878b38f3142356b2c2384ebad4668b7e40bc836dac0f71076f9abe3a53f9c03c1ceeeddb658d0030494ace586687405",
  ],
  [
    false,
    "S over L",
    "85e241a07d148b41e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec40",
    "442aad9f089ad9e14647b1ef9099a1ff4798d78589e66f28eca69c11f582a623",
    "e96f66be976d82e60150baecff9906684aebb1ef181f67a7189ac78ea23b6c0e547f7690a0e2ddcd04d87dbc3490dc19b3b3052f7ff0538cb68afb369ba3a514",
  ],
  [
    false,
    "S far over L",
    "85e241a07d148b41e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec40",
    "442aad9f089ad9e14647b1ef9099a1ff4798d78589e66f28eca69c11f582a623",
    "8ce5b96c8f26d0ab6c47958c9e68b937104cd36e13c33566acd2fe8d38aa19427e71f98a473474f2f13f06f97c20d58cc3f54b8bd0d272f42b695dd7e89a8c22",
  ],
  [
    false,
    "R not canonical: y = p, hashed as it is",
    "84b698d39be126ff55fe45079e6c8bf64a0d7db6994560b4e96b7021eb39c1a1",
    "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f084d5b99c2a9463d9c8bd5026916996984eeec87ddf1d3be329006ace1b37b09",
  ],
  [
    false,
    "R not canonical: y = p, hashed reduced",
    "fdaebc429f4a735932a160da1301080c13280eea8bc280d1b392c6b9e6ba3a5a",
    "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f454d370c8d9fc323a41450f8d513eafeb5b0697390c1e505a0d4ddc71f566607",
  ],
  [
    false,
    "R = -0: x is 0 and its sign is set, hashed as it is",
    "9bedc267423725d473888631ebf45988bad3db83851ee85c85e241a07d148b41",
    "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff03be9678ac102edcd92b0210bb34d7428d12ffc5df5f37e359941266a4e35f0f",
  ],
  [
    false,
    "R = -0, hashed reduced",
    "9bedc267423725d473888631ebf45988bad3db83851ee85c85e241a07d148b41",
    "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffca8c5b64cd208982aa38d4936621a4775aa233aa0505711d8fdcfdaa943d4908",
  ],
  [
    false,
    "A = -0 of order 2, hashed as it is",
    "e96b7021eb39c1a163b6da4e3093dcd3f21387da4cc4572be588fafae23c155b",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "a9d55260f765261eb9b84e106f665e00b867287a761990d7135963ee0a7d59dca5bb704786be79fc476f91d3f3f89b03984d8068dcf1bb7dfc6637b45450ac04",
  ],
  [
    false,
    "A = -0 of order 2, hashed reduced",
    "39a591f5321bbe07fd5a23dc2f39d025d74526615746727ceefd6e82ae65c06f",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "a9d55260f765261eb9b84e106f665e00b867287a761990d7135963ee0a7d59dca5bb704786be79fc476f91d3f3f89b03984d8068dcf1bb7dfc6637b45450ac04",
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

    it.each(edgeCases)("[PR15] says %s: %s", (expected, _, message, key, signed) => {
      expect(cryptography.verify(bytesOf(key), bytesOf(message), bytesOf(signed))).toBe(expected);
    });

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
