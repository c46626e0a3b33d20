import { decodeCbor, encodeCbor, portableHashing, unwrap } from "@attune/protocol";
import { nodeCryptography } from "@attune/protocol/node";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { benchPackage } from "../../test/benchModel.ts";
import { loadNodeOrt } from "../model/session/nodeOrtRuntime.ts";
import { encodeModelPackage } from "./encodeModelPackage.ts";
import type { ModelPackage } from "./modelPackage.ts";
import { openModelPackage } from "./openModelPackage.ts";
import { decodeModelPackage } from "./packageFile.ts";

let made: ModelPackage;
let file: Uint8Array;

beforeAll(async () => {
  made = await benchPackage(await loadNodeOrt());
  file = encodeModelPackage(made, nodeCryptography);
});

const changed = (changes: Record<string, unknown>): Uint8Array =>
  encodeCbor({ ...(unwrap(decodeCbor(file)) as object), ...changes });
const code = async (bytes: Uint8Array): Promise<string> => {
  const outcome = await openModelPackage(bytes, portableHashing);
  return outcome.ok ? "opened" : outcome.refusal.code;
};

describe("the package that came with an app", () => {
  it("[DR1] is what decodeModelPackage makes of its file", async () => {
    expect(unwrap(await openModelPackage(file, portableHashing))).toEqual(
      unwrap(decodeModelPackage(file, portableHashing)),
    );
  });

  it("[DR2] is checked when it has passed other checks, or does not say which", async () => {
    const temperature = { ...made.calibration, temperature: -1 };
    const parts = { ...made.bytes, calibration: encodeCbor(temperature) };
    // Whatever it claims, only a whole file is believed.
    expect(await code(changed({ parts }))).toBe("message.schema_invalid");
    for (const checks of [0, undefined]) {
      expect(await code(changed({ checks }))).toBe("opened");
      expect(await code(changed({ checks, parts }))).toBe("message.schema_invalid");
    }
    expect(await code(changed({ serving: undefined }))).toBe("version.mismatch");
  });

  it("[DR2] whatever bytes arrive, it is opened or refused", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(file.length - 1), fc.nat(255)), { maxLength: 4 }),
        fc.nat(file.length),
        async (changes, length) => {
          const bytes = file.slice(0, length);
          for (const [at, value] of changes) if (at < length) bytes[at] = value;
          const isWhole = length === file.length && bytes.every((byte, at) => byte === file[at]);
          expect((await code(bytes)) === "opened").toBe(isWhole);
        },
      ),
    );
  });
});
