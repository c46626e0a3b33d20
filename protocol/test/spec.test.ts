// The document and the code say the same: rules are cited by tests, tables are those of the code.
import { glob, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { frameKinds } from "../src/codec/frame.ts";
import { refusalCodes } from "../src/errors.ts";
import * as limits from "../src/limits.ts";
import { fromPayload, sampleMessages } from "./sampleMessages.ts";

const root = join(import.meta.dirname, "..");
const spec = await readFile(join(root, "SPEC.md"), "utf8");
/** The rows of the table after a heading, without its head, cells trimmed. */
const tableAfter = (heading: string): readonly (readonly string[])[] => {
  const [, section = ""] = spec.split(new RegExp(`^#+ ${heading}$`, "m"));
  const lines = section.split("\n");
  const start = lines.findIndex((line) => line.startsWith("| "));
  const end = lines.findIndex((line, at) => at > start && !line.startsWith("|"));
  return lines.slice(start + 2, end).map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
};
const unquoted = (cell = ""): string => cell.replaceAll("`", "");

const testNames = new Set<string>();
for await (const file of glob("{src,test}/**/*.{test,contract}.ts", { cwd: root })) {
  const text = await readFile(join(root, file), "utf8");
  for (const [, rule = ""] of text.matchAll(/["'`]\[(PR\d+)\] /g)) testNames.add(rule);
}
const rules = [...spec.matchAll(/^- \*\*\[(PR\d+)\]\*\* /gm)].map(([, rule = ""]) => rule);

describe("SPEC.md", () => {
  it("numbers its rules without a hole", () => {
    expect(rules).toStrictEqual(rules.map((_, index) => `PR${index + 1}`));
    expect(rules.length).toBeGreaterThan(50);
  });

  it("has no rule that no test names, and no test names a rule that it has not", () => {
    expect(rules.filter((rule) => !testNames.has(rule))).toStrictEqual([]);
    expect([...testNames].filter((rule) => !rules.includes(rule))).toStrictEqual([]);
  });

  it("has every refusal code, in the order of precedence, with its meaning and what to do", () => {
    const table = tableAfter("Refusals");
    expect(table.map(([code]) => unquoted(code))).toStrictEqual([...refusalCodes]);
    for (const [, meaning, again] of table) {
      expect(meaning).toMatch(/\w/);
      expect(again).toMatch(/\w/);
    }
  });

  it("names no refusal code that is none", () => {
    const named = [...spec.matchAll(/`([a-z]+\.[a-z]+_[a-z_]+)`/g)].map(([, code]) => code);
    expect(named.filter((code) => !refusalCodes.includes(code as "frame.truncated"))).toStrictEqual(
      [],
    );
  });

  it("has every limit with its value", () => {
    const table = tableAfter("Limits").map(([name, value]) => [
      unquoted(name),
      Number(value?.replaceAll(",", "")),
    ]);
    expect(Object.fromEntries(table)).toStrictEqual({ ...limits });
    const named = [...spec.matchAll(/`([A-Z][A-Z_]+)`/g)].map(([, name = ""]) => name);
    expect(named.filter((name) => !(name in limits))).toStrictEqual([]);
  });

  it("has every kind of frame with its number", () => {
    const table = tableAfter("Frames").map(([kind, name]) => [name, Number(kind)]);
    expect(Object.fromEntries(table)).toStrictEqual(frameKinds);
  });

  it.each(sampleMessages.map((sample) => [sample.type.kind, sample] as const))(
    "has every field of %s, in the order on the wire",
    (kind, sample) => {
      const table = tableAfter(kind).map(([field]) => field?.replace("?", ""));
      const fields = Object.keys(fromPayload(sample) as object);
      // The sample of a reply has a grant.
      if (kind === "enrolmentReply") fields.push("refusal");
      // The vectors are older than it.
      if (kind === "report") fields.push("drift");
      expect(table).toStrictEqual(fields);
    },
  );

  it.each(sampleMessages.map((sample) => [sample.type.kind, sample] as const))(
    "says of %s which fields may be left out",
    (kind, sample) => {
      const value = fromPayload(sample) as Record<string, unknown>;
      for (const [field = ""] of tableAfter(kind)) {
        const name = field.replace("?", "");
        if (!(name in value) || kind === "enrolmentReply") continue;
        const { [name]: _, ...rest } = value;
        expect([field, sample.type.schema.safeParse(rest).success]).toStrictEqual([
          field,
          field.endsWith("?"),
        ]);
      }
    },
  );
});
