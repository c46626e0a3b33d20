import { describe, expect, it } from "vitest";
import { digestOf } from "../crypto/cryptography.ts";
import { nodeCryptography } from "../crypto/nodeCryptography.ts";
import { unwrap } from "../errors.ts";
import {
  PARAMETER_COUNT_MAX,
  TENSOR_COUNT_MAX,
  TENSOR_NAME_BYTES_MAX,
  TENSOR_RANK_MAX,
} from "../limits.ts";
import {
  decodeParameters,
  encodeParameters,
  type ParameterTensor,
  parameterSetOf,
} from "./parameterSet.ts";

const tensor = (name: string, ...values: number[]): ParameterTensor => ({
  name,
  dims: [values.length],
  data: Float32Array.from(values),
});
const namesOf = (...names: string[]): string[] =>
  parameterSetOf(names.map((name) => tensor(name, 1))).map(({ name }) => name);

describe("canonical order and form", () => {
  it("[PR25] sorts names by their UTF-8 bytes, not by UTF-16 units or by a language", () => {
    expect(namesOf("b", "a.10", "a.9", "", "B", "é", "z", "e")).toStrictEqual([
      "",
      "B",
      "a.10",
      "a.9",
      "b",
      "e",
      "z",
      "é",
    ]);
    // U+FF5E is 3 bytes from 0xef, U+1F600 is 4 from 0xf0: UTF-16 has them the other way round.
    expect(namesOf("\u{1f600}", "\uff5e")).toStrictEqual(["\uff5e", "\u{1f600}"]);
    expect(namesOf("ab", "a", "abc")).toStrictEqual(["a", "ab", "abc"]);
  });

  it("[PR27] makes -0 a 0 and keeps every other value", () => {
    const [{ data } = tensor("")] = parameterSetOf([tensor("w", -0, 1e-45, -1e-45, 3.4e38)]);
    expect(Object.is(data[0], 0)).toBe(true);
    expect([...data.subarray(1)]).toStrictEqual([...Float32Array.of(1e-45, -1e-45, 3.4e38)]);
  });

  it("owns its data", () => {
    const mine = tensor("w", 1);
    const [made] = parameterSetOf([mine]);
    mine.data[0] = 2;
    expect(made?.data[0]).toBe(1);
  });

  it.each<[string, readonly ParameterTensor[]]>([
    ["parameters.not_finite", [tensor("w", Number.NaN)]],
    ["parameters.not_finite", [tensor("w", Number.POSITIVE_INFINITY)]],
    ["parameters.name_repeated", [tensor("w", 1), tensor("v", 1), tensor("w", 2)]],
    ["parameters.name_invalid", [tensor("w\ud800", 1)]],
    ["parameters.name_invalid", [tensor("w".repeat(TENSOR_NAME_BYTES_MAX + 1), 1)]],
    ["parameters.name_invalid", [tensor("é".repeat(TENSOR_NAME_BYTES_MAX / 2 + 1), 1)]],
    ["parameters.shape_mismatch", [{ ...tensor("w", 1, 2), dims: [3] }]],
    ["parameters.shape_mismatch", [{ ...tensor("w", 1, 2), dims: [-1, -2] }]],
    ["parameters.shape_mismatch", [{ ...tensor("w", 1, 2, 3, 4, 5), dims: [2.5, 2] }]],
    ["parameters.shape_mismatch", [{ ...tensor("w"), dims: [0, 2 ** 32] }]],
    [
      "parameters.shape_mismatch",
      [{ ...tensor("w", 1), dims: Array.from({ length: TENSOR_RANK_MAX + 1 }, () => 1) }],
    ],
    [
      "parameters.too_large",
      Array.from({ length: TENSOR_COUNT_MAX + 1 }, (_, at) => tensor(`w${at}`)),
    ],
    [
      "parameters.too_large",
      [
        {
          name: "w",
          dims: [PARAMETER_COUNT_MAX + 1],
          data: new Float32Array(PARAMETER_COUNT_MAX + 1),
        },
      ],
    ],
  ])("[PR25] throws the Defect %s (case %#)", (code, tensors) => {
    expect(() => parameterSetOf(tensors)).toThrowError(
      expect.objectContaining({ name: "Defect", code }),
    );
  });
});

describe("bytes", () => {
  it("[PR26] are count, names and shapes, padding, values", () => {
    const bytes = encodeParameters(
      parameterSetOf([
        { name: "w1", dims: [2, 1], data: Float32Array.of(1, -2) },
        { name: "b", dims: [], data: Float32Array.of(0.5) },
      ]),
    );
    expect(Buffer.from(bytes).toString("hex")).toBe(
      [
        "02000000",
        "0100",
        "62",
        "00",
        "0200",
        "7731",
        "02",
        "02000000",
        "01000000",
        "000000",
        "0000003f",
        "0000803f",
        "000000c0",
      ].join(""),
    );
    expect(bytes.length % 4).toBe(0);
  });

  it("[PR28] have the digest that names the parameters", () => {
    const digest = digestOf(nodeCryptography, encodeParameters(parameterSetOf([])));
    // SHA-256 of four zero bytes.
    expect(digest).toBe("df3f619804a92fdb4057192dc43dd748ea778adc52bc498ce80524c014b81119");
  });

  it("[PR26] keep the largest names, ranks and empty tensors", () => {
    const tensors = parameterSetOf([
      tensor("é".repeat(TENSOR_NAME_BYTES_MAX / 2), 1),
      {
        name: "deep",
        dims: Array.from({ length: TENSOR_RANK_MAX }, () => 1),
        data: Float32Array.of(4),
      },
      { name: "empty", dims: [3, 0], data: new Float32Array() },
      { name: "", dims: [], data: Float32Array.of(5) },
    ]);
    expect(unwrap(decodeParameters(encodeParameters(tensors)))).toStrictEqual(tensors);
  });
});
