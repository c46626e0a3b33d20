import { describe, expect, it } from "vitest";
import {
  contribution,
  deviceKey,
  enrolmentReply,
  frameOf,
  hubKey,
  keyOf,
  releaseKeys,
  sampleMessages,
  strangerKey,
  trustRoot,
} from "../../test/sampleMessages.ts";
import { keyIdOf } from "../crypto/cryptography.ts";
import { nodeCryptography } from "../crypto/nodeCryptography.ts";
import { unwrap } from "../errors.ts";
import { contributionMessage } from "../messages/contribution.ts";
import { enrolmentReplyMessage } from "../messages/enrolment.ts";
import { trustRootMessage } from "../messages/trustRoot.ts";
import { decodeCbor, encodeCbor } from "./cbor.ts";
import { assembleFrame, encodeFrame, parseFrame } from "./frame.ts";
import { decodeMessage, encodeMessage, type TrustedKeys, verifySignatures } from "./message.ts";

const trust = (...keys: readonly { publicKey: Uint8Array }[]): TrustedKeys =>
  new Map(keys.map(({ publicKey }) => [keyIdOf(nodeCryptography, publicKey), publicKey]));
const rootFrame = (...keys: Parameters<typeof encodeFrame>[2]) =>
  unwrap(
    parseFrame(encodeMessage(trustRootMessage, trustRoot, keys, nodeCryptography), "trustRoot"),
  );
const codeOf = (
  frame: ReturnType<typeof rootFrame>,
  trusted: TrustedKeys,
  threshold: number,
): string => {
  const outcome = verifySignatures(frame, trusted, threshold, nodeCryptography);
  return outcome.ok ? `${outcome.value.length} signers` : outcome.refusal.code;
};

describe("a message", () => {
  it.each(sampleMessages.map((sample) => [sample.type.kind, sample] as const))(
    "[PR9] %s comes back as it was sent",
    (_, sample) => {
      const { value, frame } = unwrap(decodeMessage(sample.type, frameOf(sample)));
      expect(value).toStrictEqual(sample.value);
      expect(frame.signatures.length).toBe(sample.keys.length);
    },
  );

  it("[PR9] carries only what its schema names, in the schema's order", () => {
    const careless = { name: "Ada Lovelace", ...contribution };
    const bytes = encodeMessage(contributionMessage, careless, [deviceKey], nodeCryptography);
    expect(Buffer.from(bytes).includes("Lovelace")).toBe(false);
    const shuffled = Object.fromEntries(Object.entries(contribution).toReversed());
    expect(
      encodeMessage(contributionMessage, shuffled as never, [deviceKey], nodeCryptography),
    ).toStrictEqual(bytes);
  });

  it("[PR9] may have fields that this version does not know", () => {
    const { payload } = unwrap(parseFrame(frameOf(sampleMessages[0] as never), "contribution"));
    const value = { ...(unwrap(decodeCbor(payload)) as object), tomorrow: [1, { x: 2 }] };
    const bytes = encodeFrame("contribution", encodeCbor(value), [deviceKey], nodeCryptography);
    const decoded = unwrap(decodeMessage(contributionMessage, bytes));
    expect(decoded.value).toStrictEqual(contribution);
    expect(codeOf(decoded.frame, trust(deviceKey), 1)).toBe("1 signers");
  });

  it("[PR8] leaves out an optional field that has no value", () => {
    const refused = {
      nonce: enrolmentReply.nonce,
      grant: undefined,
      refusal: { code: "a.b", message: "" },
    };
    const bytes = encodeMessage(enrolmentReplyMessage, refused, [hubKey], nodeCryptography);
    expect(Buffer.from(bytes).includes("grant")).toBe(false);
    expect(unwrap(decodeMessage(enrolmentReplyMessage, bytes)).value.grant).toBeUndefined();
  });

  it("throws a Defect where the other side would refuse it", () => {
    expect(() =>
      encodeMessage(
        contributionMessage,
        { ...contribution, steps: 0 },
        [deviceKey],
        nodeCryptography,
      ),
    ).toThrowError(expect.objectContaining({ name: "Defect", code: "message.schema_invalid" }));
  });

  it("owns its bytes: the network's buffer may be used again", () => {
    const bytes = frameOf(sampleMessages[0] as never);
    const { value } = unwrap(decodeMessage(contributionMessage, bytes));
    bytes.fill(0);
    expect(value.delta).toStrictEqual(contribution.delta);
  });

  it("[PR11] is named by the digest of its exact bytes, which another encoding of the value does not have", () => {
    const { payload } = unwrap(parseFrame(frameOf(sampleMessages[0] as never), "contribution"));
    // steps as a float64: the same value to every reader.
    const at = Buffer.from(payload).indexOf("steps") + 5;
    const longer = Uint8Array.from([
      ...payload.subarray(0, at),
      0xfb,
      0x40,
      0x79,
      0,
      0,
      0,
      0,
      0,
      0,
      ...payload.subarray(at + 3),
    ]);
    const bytes = encodeFrame("contribution", longer, [deviceKey], nodeCryptography);
    expect(unwrap(decodeMessage(contributionMessage, bytes)).value).toStrictEqual(contribution);
    expect(bytes).not.toStrictEqual(frameOf(sampleMessages[0] as never));
  });
});

describe("signatures", () => {
  const [first, second, third] = releaseKeys;

  it("[PR16] name their keys by the first eight bytes of a digest", () => {
    expect(rootFrame(first).signatures[0]?.keyId).toBe(keyIdOf(nodeCryptography, first.publicKey));
  });

  it("[PR17] by enough different trusted keys are accepted", () => {
    expect(codeOf(rootFrame(first, second), trust(...releaseKeys), 2)).toBe("2 signers");
    expect(codeOf(rootFrame(first, second, third), trust(...releaseKeys), 2)).toBe("3 signers");
  });

  it("[PR17] signature.key_unknown: nobody signed, or nobody who is trusted", () => {
    expect(codeOf(rootFrame(), trust(...releaseKeys), 1)).toBe("signature.key_unknown");
    expect(codeOf(rootFrame(strangerKey), trust(...releaseKeys), 1)).toBe("signature.key_unknown");
  });

  it("[PR17] signature.threshold_unmet: one key does not count twice", () => {
    expect(codeOf(rootFrame(first), trust(...releaseKeys), 2)).toBe("signature.threshold_unmet");
    expect(codeOf(rootFrame(first, first, first), trust(...releaseKeys), 2)).toBe(
      "signature.threshold_unmet",
    );
  });

  it("[PR17] signature.invalid: a trusted key's name on another's signature", () => {
    const frame = rootFrame(first, strangerKey);
    const [mine, strangers] = frame.signatures;
    const forged = unwrap(
      parseFrame(
        assembleFrame("trustRoot", frame.payload, [
          mine as never,
          {
            keyId: keyIdOf(nodeCryptography, second.publicKey),
            signature: strangers?.signature as never,
          },
        ]),
        "trustRoot",
      ),
    );
    expect(codeOf(forged, trust(...releaseKeys), 2)).toBe("signature.invalid");
    // Whoever adds rubbish to what enough others have signed spoils nothing.
    expect(codeOf(forged, trust(...releaseKeys), 1)).toBe("1 signers");
  });

  it("[PR17] by unknown keys do not count and do no harm", () => {
    const unknown = ["a", "b", "c", "d", "e"].map((name) => keyOf(name));
    expect(codeOf(rootFrame(...unknown, first, second), trust(...releaseKeys), 2)).toBe(
      "2 signers",
    );
    expect(codeOf(rootFrame(...unknown, first), trust(...releaseKeys), 2)).toBe(
      "signature.threshold_unmet",
    );
  });

  it("[PR14] of one kind are worth nothing under another", () => {
    const frame = rootFrame(first, second);
    const record = unwrap(
      parseFrame(assembleFrame("releaseRecord", frame.payload, frame.signatures), "releaseRecord"),
    );
    expect(codeOf(record, trust(...releaseKeys), 1)).toBe("signature.invalid");
  });

  it("[PR14] cover the protocol version as well as the kind", () => {
    const frame = rootFrame(first);
    const other = Buffer.concat([Buffer.from("attune/v2/trustRoot\0"), frame.payload]);
    const signature = nodeCryptography.sign(first.secretKey, other);
    const forged = assembleFrame("trustRoot", frame.payload, [
      { keyId: keyIdOf(nodeCryptography, first.publicKey), signature },
    ]);
    expect(codeOf(unwrap(parseFrame(forged, "trustRoot")), trust(first), 1)).toBe(
      "signature.invalid",
    );
  });
});
