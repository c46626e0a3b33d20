import { describe, expect, it } from "vitest";
import {
  deviceKey,
  frameOf,
  hubKey,
  releaseKeys,
  sampleMessages,
} from "../../test/sampleMessages.ts";
import { nodeCryptography } from "../crypto/nodeCryptography.ts";
import { unwrap } from "../errors.ts";
import type { KeyId } from "../ids.ts";
import { FRAME_BYTES_MAX, MQTT_PAYLOAD_BYTES_MAX } from "../limits.ts";
import {
  assembleFrame,
  encodeFrame,
  type FrameKind,
  frameKinds,
  parseFrame,
  signedBytes,
} from "./frame.ts";

const payload = Uint8Array.of(0x01);
const signed = (kind: FrameKind, keys = [hubKey]): Uint8Array =>
  encodeFrame(kind, payload, keys, nodeCryptography);
const codeOf = (bytes: Uint8Array, kind: FrameKind): string => {
  const outcome = parseFrame(bytes, kind);
  return outcome.ok ? "" : outcome.refusal.code;
};

describe("layout", () => {
  it("[PR1] is header, payload, signature count, signatures, and nothing else", () => {
    const frame = signed("decision");
    expect(Buffer.from(frame.subarray(0, 10)).toString("hex")).toBe("41540106010000000101");
    expect(frame.length).toBe(8 + 1 + 1 + 72);
    const id = nodeCryptography.sha256(hubKey.publicKey).subarray(0, 8);
    expect(frame.subarray(10, 18)).toStrictEqual(id);
    expect(
      nodeCryptography.verify(
        hubKey.publicKey,
        signedBytes("decision", payload),
        frame.subarray(18),
      ),
    ).toBe(true);
  });

  it("[PR1] has its payload length in little endian", () => {
    const frame = encodeFrame("report", new Uint8Array(0x0203), [deviceKey], nodeCryptography);
    expect([...frame.subarray(4, 8)]).toStrictEqual([0x03, 0x02, 0, 0]);
    expect(unwrap(parseFrame(frame, "report")).payload.length).toBe(0x0203);
  });

  it("[PR3] numbers its kinds without a repetition", () => {
    expect(frameKinds).toStrictEqual({
      contribution: 1,
      report: 2,
      deviceReceipt: 3,
      hubReceipt: 4,
      assignment: 5,
      decision: 6,
      releaseRecord: 7,
      enrolmentRequest: 8,
      enrolmentReply: 9,
      trustRoot: 10,
      delegation: 11,
    });
  });

  it("[PR14] is signed over its protocol version, its kind and its payload", () => {
    expect(Buffer.from(signedBytes("decision", payload)).toString("latin1")).toBe(
      "attune/v1/decision\0\u0001",
    );
  });

  it("[PR5] always fits one MQTT message", () => {
    expect(FRAME_BYTES_MAX).toBeLessThanOrEqual(MQTT_PAYLOAD_BYTES_MAX);
    const room = FRAME_BYTES_MAX - 8 - 1 - 72;
    const largest = encodeFrame(
      "contribution",
      new Uint8Array(room),
      [deviceKey],
      nodeCryptography,
    );
    expect(codeOf(largest, "contribution")).toBe("");
    expect(() =>
      encodeFrame("contribution", new Uint8Array(room + 1), [deviceKey], nodeCryptography),
    ).toThrowError(expect.objectContaining({ name: "Defect", code: "frame.too_large" }));
  });

  it("[PR4] throws a Defect for more signatures than its kind may have, or one that is none", () => {
    expect(() => signed("decision", [hubKey, deviceKey])).toThrowError(
      expect.objectContaining({ code: "frame.signatures_too_many" }),
    );
    expect(() =>
      signed(
        "trustRoot",
        Array.from({ length: 9 }, () => hubKey),
      ),
    ).toThrowError(expect.objectContaining({ code: "frame.signatures_too_many" }));
    for (const [keyId, length] of [
      ["0123456789abcdef", 63],
      ["0123456789ABCDEF", 64],
      ["0123", 64],
    ] as const) {
      expect(() =>
        assembleFrame("decision", payload, [
          { keyId: keyId as KeyId, signature: new Uint8Array(length) },
        ]),
      ).toThrowError(expect.objectContaining({ code: "frame.signature_malformed" }));
    }
  });

  it("[PR1] is the same whether it is signed here or put together from signatures", () => {
    const frame = signed("trustRoot", [...releaseKeys]);
    const { signatures } = unwrap(parseFrame(frame, "trustRoot"));
    expect(assembleFrame("trustRoot", payload, signatures)).toStrictEqual(frame);
  });

  it("[PR1] is read from the middle of a buffer", () => {
    const frame = signed("assignment");
    const buffer = new Uint8Array(frame.length + 20).fill(0xff);
    buffer.set(frame, 7);
    const parsed = unwrap(parseFrame(buffer.subarray(7, 7 + frame.length), "assignment"));
    expect(parsed.payload).toStrictEqual(payload);
    expect(parsed.bytes).toStrictEqual(frame);
  });
});

describe("refusals, in the order of their checks", () => {
  const frame = signed("decision");
  const changed = (at: number, byte: number): Uint8Array => {
    const copy = frame.slice();
    copy[at] = byte;
    return copy;
  };

  it("[PR2] frame.too_large: before anything is looked at", () => {
    expect(codeOf(new Uint8Array(FRAME_BYTES_MAX + 1), "decision")).toBe("frame.too_large");
  });

  it("[PR2] frame.magic_invalid: this is something else", () => {
    expect(codeOf(changed(0, 0), "decision")).toBe("frame.magic_invalid");
    expect(codeOf(changed(1, 0), "decision")).toBe("frame.magic_invalid");
    expect(codeOf(Uint8Array.of(0x7b), "decision")).toBe("frame.magic_invalid");
  });

  it("[PR2] frame.protocol_unsupported: the other side is older or newer", () => {
    expect(codeOf(changed(2, 2), "decision")).toBe("frame.protocol_unsupported");
    expect(codeOf(Uint8Array.of(0x41, 0x54, 0x02), "decision")).toBe("frame.protocol_unsupported");
  });

  it("[PR3] frame.kind_unexpected: a frame of another kind, whoever signed it", () => {
    for (const sample of sampleMessages) {
      const bytes = frameOf(sample);
      for (const { type } of sampleMessages) {
        expect(codeOf(bytes, type.kind)).toBe(
          type.kind === sample.type.kind ? "" : "frame.kind_unexpected",
        );
      }
    }
  });

  it("[PR2] frame.truncated: less or more than the header promises", () => {
    for (let length = 0; length < frame.length; length += 1) {
      expect(codeOf(frame.subarray(0, length), "decision")).toBe("frame.truncated");
    }
    expect(codeOf(new Uint8Array([...frame, 0]), "decision")).toBe("frame.truncated");
    for (const length of [0xffffffff, 0x7fffffff, 82, 2, 0]) {
      const copy = frame.slice();
      new DataView(copy.buffer).setUint32(4, length, true);
      expect(codeOf(copy, "decision")).toBe("frame.truncated");
    }
    expect(codeOf(changed(9, 2), "decision")).toBe("frame.truncated");
  });

  it("[PR4] frame.signatures_too_many: nobody on the way adds one", () => {
    const { signatures } = unwrap(
      parseFrame(signed("trustRoot", [hubKey, deviceKey]), "trustRoot"),
    );
    const withTwo = signed("trustRoot", [hubKey, deviceKey]);
    withTwo[3] = frameKinds.contribution;
    expect(signatures.length).toBe(2);
    expect(codeOf(withTwo, "contribution")).toBe("frame.signatures_too_many");
    const nine = new Uint8Array(8 + 1 + 1 + 9 * 72);
    nine.set([0x41, 0x54, 1, frameKinds.trustRoot, 1, 0, 0, 0, 1, 9]);
    expect(codeOf(nine, "trustRoot")).toBe("frame.signatures_too_many");
  });

  it("[PR2] says what to do, without the sender's words", () => {
    const outcome = parseFrame(Uint8Array.of(0x41, 0x54, 9), "decision");
    expect(outcome.ok ? "" : outcome.refusal.message).toBe(
      "frame speaks protocol 9, this side speaks 1; update the older side",
    );
  });
});
