import { portableHashing, unwrap } from "@attune/protocol";
import { beforeAll, describe, expect, it } from "vitest";
import { benchPackage } from "../../test/benchModel.ts";
import { loadNodeOrt } from "../model/session/nodeOrtRuntime.ts";
import type { OrtRuntime } from "../model/session/ortRuntime.ts";
import { createEvaluator } from "./evaluator.ts";
import type { ModelPackage } from "./modelPackage.ts";
import { prepareServing } from "./prepareServing.ts";
import { fillServing, isMadeOf, type ServingForm, servingSources } from "./servingForm.ts";

let runtime: OrtRuntime;
let made: ModelPackage;
let form: ServingForm;

beforeAll(async () => {
  runtime = await loadNodeOrt();
  made = await benchPackage(runtime);
  form = unwrap(prepareServing(made, servingSources(made.bytes, portableHashing)));
});

const filled = (changes: Partial<ServingForm>): string => {
  const outcome = fillServing({ ...form, ...changes }, made.parameters);
  return outcome.ok ? "filled" : outcome.refusal.code;
};

describe("a serving form", () => {
  it("[DR2] model.malformed: gaps that overlap, or stand behind the graph's end", () => {
    const [first, second] = form.gaps;
    if (first === undefined || second === undefined) throw new Error("the model has frozen layers");
    expect(filled({})).toBe("filled");
    expect(filled({ gaps: [first, { ...second, offset: first.offset }] })).toBe("model.malformed");
    expect(filled({ gaps: [{ ...first, offset: 1e12 }] })).toBe("model.malformed");
  });

  it("[DR2] model.parameter_mismatch: a gap for another parameter, or of another size", () => {
    const [first] = form.gaps;
    if (first === undefined) throw new Error("the model has frozen layers");
    expect(filled({ gaps: [{ ...first, name: "nobody" }] })).toBe("model.parameter_mismatch");
    expect(filled({ gaps: [{ ...first, length: first.length + 4 }] })).toBe(
      "model.parameter_mismatch",
    );
  });

  it("[DR2] is refused with a package of other sizes, or when the engine cannot load it", async () => {
    const code = async (serving: ServingForm): Promise<string> => {
      const outcome = await createEvaluator({ ...made, serving }, runtime);
      return outcome.ok ? "loaded" : outcome.refusal.code;
    };
    expect(await code({ ...form, logitCount: form.logitCount + 1 })).toBe("input.shape_mismatch");
    expect(await code({ ...form, gaps: form.gaps.slice(1) })).toBe("model.not_loadable");
  });

  it("[DR1] knows what it was made of", () => {
    const sources = servingSources(made.bytes, portableHashing);
    expect(isMadeOf(form, sources)).toBe(true);
    const other = servingSources({ ...made.bytes, learning: Uint8Array.of(1) }, portableHashing);
    expect(isMadeOf(form, other)).toBe(false);
  });
});
