import {
  type Digest,
  encodeCbor,
  modelVersionOf,
  type ReleaseRecord,
  releaseRecordMessage,
} from "@attune/protocol";
import { nodeCryptography } from "@attune/protocol/node";
import { expect, it } from "vitest";
import { recordInPayload } from "./recordInPayload.ts";

const ref = (digit: string) => ({ digest: digit.repeat(64) as Digest, bytes: 10 });
const parts = {
  graph: ref("1"),
  parameters: ref("2"),
  preprocessing: ref("3"),
  calibration: ref("4"),
  learning: ref("5"),
};
const version = modelVersionOf(
  {
    graph: parts.graph.digest,
    parameters: parts.parameters.digest,
    preprocessing: parts.preprocessing.digest,
    calibration: parts.calibration.digest,
  },
  nodeCryptography,
);
const record: ReleaseRecord = releaseRecordMessage.schema.parse({
  line: "activity",
  version,
  generation: 0,
  securityEpoch: 0,
  parts,
  lineage: { source: "imported", contributionCount: 0 },
  createdAtMs: 5,
  note: "first",
});
const codeOf = (payload: Uint8Array): string => {
  const outcome = recordInPayload(payload, nodeCryptography);
  return outcome.ok ? "" : outcome.refusal.code;
};

it("takes the exact bytes that the record encodes to", () => {
  expect(recordInPayload(encodeCbor(record), nodeCryptography)).toEqual({
    ok: true,
    value: record,
  });
});

it.each([
  ["a field that the schema drops", { ...record, boot: "http://elsewhere" }],
  ["a field within a part", { ...record, parts: { ...parts, extra: ref("6") } }],
  ["another order", Object.fromEntries(Object.entries(record).reverse())],
])("refuses %s: it would be signed unseen", (_, spoiled) => {
  expect(codeOf(encodeCbor(spoiled))).toBe("message.schema_invalid");
});

it("refuses a version that the parts do not make, and what is no record or too large for a frame", () => {
  expect(codeOf(encodeCbor({ ...record, version: "0".repeat(64) }))).toBe("version.mismatch");
  expect(codeOf(encodeCbor({ hello: 1 }))).toBe("message.schema_invalid");
  expect(codeOf(new Uint8Array(98_304))).toBe("frame.too_large");
});
