// Messages with well-formed frames and values that nobody honest would send.
import { describe, expect, it } from "vitest";
import { digestOfDigit, frameOf, sampleMessages } from "../../test/sampleMessages.ts";
import { decodeCbor, encodeCbor } from "../codec/cbor.ts";
import { encodeFrame, parseFrame } from "../codec/frame.ts";
import { decodeMessage } from "../codec/message.ts";
import { nodeCryptography as cryptography } from "../crypto/nodeCryptography.ts";
import { unwrap } from "../errors.ts";
import {
  BLOB_BLOCK_BYTES,
  BLOB_BYTES_MAX,
  CODE_LENGTH_MAX,
  DELTA_BYTES_MAX,
  ID_LENGTH_MAX,
  REASON_LENGTH_MAX,
  RECEIPT_ENTRIES_MAX,
  REPORT_PAIRED_MAX,
} from "../limits.ts";

type Path = readonly (string | number)[];
const sampleOf = (kind: string) => {
  const sample = sampleMessages.find(({ type }) => type.kind === kind);
  if (sample === undefined) throw new Error(`no sample of ${kind}`);
  return sample;
};
const payloads = new Map(
  sampleMessages.map((sample) => [
    sample,
    unwrap(parseFrame(frameOf(sample), sample.type.kind)).payload,
  ]),
);
const payloadOf = (sample: (typeof sampleMessages)[number]): Uint8Array =>
  payloads.get(sample) ?? new Uint8Array();
/** What goes over the wire for a sample, with one thing in it changed. */
const changed = (kind: string, path: Path, value: unknown): Uint8Array => {
  const sample = sampleOf(kind);
  const whole = unwrap(decodeCbor(payloadOf(sample))) as Record<string | number, unknown>;
  let place = whole;
  for (const step of path.slice(0, -1)) place = place[step] as Record<string | number, unknown>;
  const last = path.at(-1) ?? "";
  if (value === undefined) delete place[last];
  else place[last] = value;
  // Nobody signed it: schemas come before signatures.
  return encodeFrame(sample.type.kind, encodeCbor(whole), [], cryptography);
};
const codeOf = (kind: string, path: Path, value: unknown): string => {
  const outcome = decodeMessage(sampleOf(kind).type, changed(kind, path, value));
  return outcome.ok ? "" : outcome.refusal.code;
};

/** Every field of every message, with values that are not of its type. */
const fields: readonly (readonly [string, Path, readonly unknown[]])[] = sampleMessages.flatMap(
  (sample) => {
    const found: [string, Path, unknown[]][] = [];
    const walk = (value: unknown, path: Path): void => {
      if (path.length > 0) found.push([sample.type.kind, path, wrongValuesFor(value)]);
      if (value instanceof Uint8Array || typeof value !== "object" || value === null) return;
      for (const [key, inner] of Object.entries(value)) {
        walk(inner, [...path, Array.isArray(value) ? Number(key) : key]);
      }
    };
    walk(unwrap(decodeCbor(payloadOf(sample))), []);
    return found;
  },
);

function wrongValuesFor(value: unknown): unknown[] {
  const typeName = (of: unknown): string => {
    if (of instanceof Uint8Array) return "bytes";
    if (Array.isArray(of)) return "array";
    return of === null ? "null" : typeof of;
  };
  const everything = [
    null,
    true,
    "?",
    7,
    0.5,
    Number.NaN,
    [],
    [[[]]],
    {},
    { a: 1 },
    new Uint8Array(3),
  ];
  return everything.filter((wrong) => typeName(wrong) !== typeName(value));
}

describe("a field of another type", () => {
  it.each(
    fields.map(([kind, path, wrong]) => [`${kind}.${path.join(".")}`, kind, path, wrong] as const),
  )("[PR9] %s is message.schema_invalid", (_, kind, path, wrong) => {
    expect(wrong.length).toBeGreaterThan(7);
    for (const value of wrong) expect(codeOf(kind, path, value)).toBe("message.schema_invalid");
  });
});

describe("a number that is none", () => {
  const integers = fields.filter(([kind, path]) => {
    const { value } = sampleOf(kind);
    const found = path.reduce<unknown>(
      (place, step) => (place as Record<string | number, unknown>)[step],
      value,
    );
    return Number.isInteger(found);
  });

  it.each(integers.map(([kind, path]) => [`${kind}.${path.join(".")}`, kind, path] as const))(
    "[PR12] %s is a whole number from 0 up to 2^53 - 1",
    (_, kind, path) => {
      for (const value of [
        -1,
        0.5,
        Number.NaN,
        Number.POSITIVE_INFINITY,
        Number.NEGATIVE_INFINITY,
        2 ** 53,
        "1",
        null,
      ]) {
        expect(codeOf(kind, path, value)).toBe("message.schema_invalid");
      }
    },
  );

  it("[PR12] normMax is a positive finite number", () => {
    for (const value of [0, -0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(codeOf("delegation", ["normMax"], value)).toBe("message.schema_invalid");
    }
    expect(codeOf("delegation", ["normMax"], 1e-9)).toBe("");
  });
});

describe("a field that is missing", () => {
  const optional =
    /^(?:decision\.(?:rollout|shadow)|releaseRecord\.delta|releaseRecord\.lineage\.(?:base|contributions)|enrolmentRequest\.proposedId)$|\.blocks$/;
  const named = fields.filter(([, path]) => typeof path.at(-1) === "string");

  it.each(named.map(([kind, path]) => [`${kind}.${path.join(".")}`, kind, path] as const))(
    "[PR9] %s is refused, unless it is optional",
    (name, kind, path) => {
      expect(codeOf(kind, path, undefined)).toBe(
        optional.test(name) ? "" : "message.schema_invalid",
      );
    },
  );
});

describe("ids and digests", () => {
  it.each([
    "",
    "-a",
    "a-",
    "A",
    "a_b",
    "a/b",
    "a+b",
    "#",
    "a.b",
    "a b",
    "ä",
    "a\n",
    "a".repeat(ID_LENGTH_MAX + 1),
  ])("[PR12] %j is no id", (id) => {
    for (const path of [["device"], ["line"]])
      expect(codeOf("contribution", path, id)).toBe("message.schema_invalid");
    expect(codeOf("decision", ["cohort"], id)).toBe("message.schema_invalid");
    expect(codeOf("trustRoot", ["fleet"], id)).toBe("message.schema_invalid");
  });

  it.each(["a", "0", "a-b", "ward-3", "a".repeat(ID_LENGTH_MAX)])("[PR12] %j is an id", (id) => {
    expect(codeOf("contribution", ["device"], id)).toBe("");
  });

  it.each([
    "",
    "0".repeat(63),
    "0".repeat(65),
    "g".repeat(64),
    "A".repeat(64),
    `${"0".repeat(63)}\n`,
  ])("[PR12] %j is no digest", (digest) => {
    expect(codeOf("contribution", ["result"], digest)).toBe("message.schema_invalid");
    expect(codeOf("contribution", ["base"], digest)).toBe("message.schema_invalid");
  });
});

describe("what belongs together", () => {
  it("[PR13] wins and losses are among the n", () => {
    expect(codeOf("contribution", ["evidence"], { n: 10, wins: 6, losses: 4 })).toBe("");
    expect(codeOf("contribution", ["evidence"], { n: 10, wins: 6, losses: 5 })).toBe(
      "message.schema_invalid",
    );
    expect(codeOf("report", ["paired", 0, "wins"], 182)).toBe("message.schema_invalid");
  });

  it("[PR13] a blob has a block for every 64 KB, or names none", () => {
    const blocks = (count: number): string[] =>
      Array.from({ length: count }, () => digestOfDigit("1"));
    const graph = (bytes: number, count: number): string =>
      codeOf("releaseRecord", ["parts", "graph"], {
        digest: digestOfDigit("a"),
        bytes,
        blocks: blocks(count),
      });
    expect(graph(BLOB_BLOCK_BYTES, 1)).toBe("");
    expect(graph(BLOB_BLOCK_BYTES + 1, 2)).toBe("");
    expect(graph(0, 0)).toBe("");
    expect(graph(BLOB_BLOCK_BYTES + 1, 1)).toBe("message.schema_invalid");
    expect(graph(1, 2)).toBe("message.schema_invalid");
    expect(codeOf("releaseRecord", ["parts", "graph", "bytes"], BLOB_BYTES_MAX + 1)).toBe(
      "message.schema_invalid",
    );
  });

  it("[PR13] an enrolment is granted or refused, not both and not neither", () => {
    const refusal = { code: "enrolment.token_invalid", message: "" };
    expect(codeOf("enrolmentReply", ["refusal"], refusal)).toBe("message.schema_invalid");
    expect(codeOf("enrolmentReply", ["grant"], undefined)).toBe("message.schema_invalid");
  });

  it("[PR13] counters that begin at 1 are not 0", () => {
    for (const [kind, field] of [
      ["contribution", "contributionSequence"],
      ["contribution", "examples"],
      ["contribution", "steps"],
      ["report", "reportSequence"],
      ["deviceReceipt", "decisionSequence"],
      ["assignment", "assignmentSequence"],
      ["trustRoot", "version"],
    ] as const) {
      expect(codeOf(kind, [field], 0)).toBe("message.schema_invalid");
    }
    // A device that has seen no decision reports 0.
    expect(codeOf("report", ["decisionSequence"], 0)).toBe("");
  });
});

describe("sizes", () => {
  it("[PR12] a delta has 1 byte at least, and room in a frame at most", () => {
    expect(codeOf("contribution", ["delta"], new Uint8Array(DELTA_BYTES_MAX))).toBe("");
    expect(codeOf("contribution", ["delta"], new Uint8Array())).toBe("message.schema_invalid");
    expect(codeOf("contribution", ["delta"], new Uint8Array(DELTA_BYTES_MAX + 1))).toBe(
      "message.schema_invalid",
    );
  });

  it("[PR12] lists have their bounds", () => {
    const [entry] = (sampleOf("hubReceipt").value as { entries: unknown[] }).entries;
    const entries = (length: number): unknown[] => Array.from({ length }, () => entry);
    expect(codeOf("hubReceipt", ["entries"], entries(RECEIPT_ENTRIES_MAX))).toBe("");
    expect(codeOf("hubReceipt", ["entries"], entries(RECEIPT_ENTRIES_MAX + 1))).toBe(
      "message.schema_invalid",
    );
    expect(codeOf("hubReceipt", ["entries"], [])).toBe("message.schema_invalid");
    const [pair] = (sampleOf("report").value as { paired: unknown[] }).paired;
    const paired = (length: number): unknown[] => Array.from({ length }, () => pair);
    expect(codeOf("report", ["paired"], paired(REPORT_PAIRED_MAX))).toBe("");
    expect(codeOf("report", ["paired"], paired(REPORT_PAIRED_MAX + 1))).toBe(
      "message.schema_invalid",
    );
  });

  it("[PR6] a message of 90,000 values is not even looked at", () => {
    const outcome = decodeMessage(
      sampleOf("hubReceipt").type,
      changed(
        "hubReceipt",
        ["entries"],
        Array.from({ length: 90_000 }, () => 0),
      ),
    );
    expect(outcome).toMatchObject({ ok: false, refusal: { code: "frame.not_decodable" } });
  });
});

describe("text", () => {
  it("[PR10] for people is cleaned and cut, never a reason to refuse", () => {
    const decoded = (kind: string, path: Path, value: string): unknown => {
      const outcome = unwrap(decodeMessage(sampleOf(kind).type, changed(kind, path, value)));
      return path.reduce<unknown>(
        (place, step) => (place as Record<string | number, unknown>)[step],
        outcome.value,
      );
    };
    expect(decoded("report", ["state"], "\u001b]0;owned\u0007training")).toBe(" ]0;owned training");
    expect(decoded("deviceReceipt", ["message"], "x".repeat(90_000))).toHaveLength(
      REASON_LENGTH_MAX,
    );
    expect(decoded("hubReceipt", ["entries", 0, "message"], "a\nb")).toBe("a b");
    expect(decoded("decision", ["reason"], "\u202e")).toBe(" ");
    expect(decoded("releaseRecord", ["note"], "")).toBe("");
  });

  it("[PR12] for machines is refused: a code is area.noun_problem or empty", () => {
    for (const code of ["", "delta.not_finite", "tomorrow.some_code9"]) {
      expect(codeOf("deviceReceipt", ["code"], code)).toBe("");
    }
    for (const code of [
      "x",
      "a.b.c",
      "A.b",
      "a.b\n",
      "\u001b[2J",
      `a.${"b".repeat(CODE_LENGTH_MAX)}`,
    ]) {
      expect(codeOf("deviceReceipt", ["code"], code)).toBe("message.schema_invalid");
    }
  });

  it("[PR12] for machines has its lengths: salts, secrets, nonces", () => {
    for (const salt of ["", "s".repeat(65)]) {
      expect(codeOf("decision", ["rollout", "selection", "salt"], salt)).toBe(
        "message.schema_invalid",
      );
    }
    for (const secret of ["s".repeat(15), "s".repeat(129)]) {
      expect(codeOf("enrolmentRequest", ["tokenSecret"], secret)).toBe("message.schema_invalid");
      expect(codeOf("enrolmentReply", ["grant", "credential"], secret)).toBe(
        "message.schema_invalid",
      );
    }
    for (const nonce of ["", "0".repeat(31), "0".repeat(33), "+".repeat(32)]) {
      expect(codeOf("enrolmentRequest", ["nonce"], nonce)).toBe("message.schema_invalid");
    }
    for (const threshold of [-1, 2 ** 32, 0.5]) {
      expect(codeOf("decision", ["rollout", "selection", "threshold"], threshold)).toBe(
        "message.schema_invalid",
      );
    }
  });

  it("[PR51] an enrolment names a usable key", () => {
    for (const key of [
      new Uint8Array(32),
      new Uint8Array(31).fill(9),
      new Uint8Array(33).fill(9),
    ]) {
      expect(codeOf("enrolmentRequest", ["publicKey"], key)).toBe("message.schema_invalid");
    }
  });
});
