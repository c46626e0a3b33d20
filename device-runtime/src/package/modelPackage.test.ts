import {
  accept,
  BLOB_BLOCK_BYTES,
  decodeCbor,
  digestOf,
  encodeCbor,
  encodeParameters,
  MQTT_PAYLOAD_BYTES_MAX,
  modelVersionOf,
  parameterSetOf,
  portableCryptography,
  unwrap,
} from "@attune/protocol";
import { nodeCryptography } from "@attune/protocol/node";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { benchPackage, labels, preprocessing, windowsOf } from "../../test/benchModel.ts";
import { createModelWriter } from "../../test/modelWriter.ts";
import { createInference } from "../adapters/ortInference.ts";
import { createSeededRandom } from "../adapters/seededRandom.ts";
import { buildNetwork } from "../model/build/buildNetwork.ts";
import { buildPerceptron } from "../model/build/buildPerceptron.ts";
import type { TrainingPlan } from "../model/compile/trainingPlan.ts";
import { readParameters } from "../model/parameters/parameterBytes.ts";
import { loadNodeOrt } from "../model/session/nodeOrtRuntime.ts";
import type { OrtRuntime } from "../model/session/ortRuntime.ts";
import { buildReference } from "./buildReference.ts";
import { createModelPackage } from "./createModelPackage.ts";
import { encodeModelPackage } from "./encodeModelPackage.ts";
import { createEvaluator, type EvaluatedWindows } from "./evaluator.ts";
import { learningDefaults } from "./learning.ts";
import { blobRefOf, type ModelPackage, partDigests, partRefs, versionOf } from "./modelPackage.ts";
import { decodeModelPackage } from "./packageFile.ts";
import { prepareServing } from "./prepareServing.ts";
import { readModelParts } from "./readModelParts.ts";
import { servingSources } from "./servingForm.ts";
import { modelOf, withParameters } from "./wholeModel.ts";

let runtime: OrtRuntime;
let made: ModelPackage;

beforeAll(async () => {
  runtime = await loadNodeOrt();
  made = await benchPackage(runtime);
});

const model = (): Uint8Array => unwrap(modelOf(made));
const again = (changes: Partial<Parameters<typeof createModelPackage>[0]> = {}) =>
  createModelPackage({
    line: "activity",
    model: model(),
    preprocessing,
    calibration: made.calibration,
    learning: made.learning,
    ...changes,
  });

describe("a package", () => {
  it("[DR1] is the same bytes for the same input, and its version is that of its parts", () => {
    const other = unwrap(again());
    expect(other.bytes).toEqual(made.bytes);
    expect(encodeModelPackage(other, nodeCryptography)).toEqual(
      encodeModelPackage(made, portableCryptography),
    );
    expect(versionOf(made, nodeCryptography)).toBe(
      modelVersionOf(partDigests(made, nodeCryptography), nodeCryptography),
    );
  });

  it("[DR1] has another version when anything changes that decides an answer, and the same when only learning does", () => {
    const version = versionOf(made, nodeCryptography);
    const taught = unwrap(
      again({ learning: learningDefaults({ validation: { countMin: 9, lossesOverWinsMax: 1 } }) }),
    );
    expect(versionOf(taught, nodeCryptography)).toBe(version);
    const cooler = unwrap(again({ calibration: { ...made.calibration, temperature: 2 } }));
    expect(versionOf(cooler, nodeCryptography)).not.toBe(version);
    const renamed = unwrap(again({ preprocessing: { ...preprocessing, labels: ["a", "b", "c"] } }));
    expect(versionOf(renamed, nodeCryptography)).not.toBe(version);
  });

  it("[DR1] keeps every setting of its training plan", () => {
    const loss = { kind: "crossEntropy" } as const;
    const plans: readonly TrainingPlan[] = [
      {
        scope: { lastLayers: 1 },
        loss: {
          ...loss,
          labelSmoothing: 0.1,
          classWeights: labels.map((_, index) => index + 1),
          distillation: { weight: 0.5, temperature: 3 },
        },
        optimizer: { kind: "nesterov", momentum: 0.8, weightDecay: 0.01 },
        pullToBase: 0.1,
        clipNorm: 2,
        batchNormalization: "frozen",
        lowering: { engine: "wasm", batchSize: 8, forms: {} },
      },
      { scope: "bias", loss, optimizer: { kind: "adamw", beta1: 0.8, beta2: 0.9, epsilon: 1e-7 } },
    ];
    for (const plan of plans) {
      const learning = learningDefaults({ plan });
      expect(unwrap(again({ learning })).learning.plan).toEqual(plan);
    }
  });

  it("[DR1] keeps the sizes that its plan fixes, and is trained with them", async () => {
    const write = createModelWriter(17, ["batch", "features"]);
    const hidden = write.node("Relu", [write.node("MatMul", ["x", write.weight("w", [6, 9])])]);
    const open = write.finish(
      write.node("Gemm", [hidden, write.weight("v", [9, 3]), write.weight("b", [3])]),
    );
    const dims = { features: 6 };
    const calibration = unwrap(
      await buildReference({
        model: open,
        preprocessing,
        fit: windowsOf(createSeededRandom("fit"), 200),
        check: windowsOf(createSeededRandom("check"), 100),
        runtime,
        dims,
      }),
    );
    const withDims = (fixed: Record<string, number>) => {
      const plan = { ...made.learning.plan, dims: fixed };
      return again({ model: open, calibration, learning: learningDefaults({ plan }) });
    };
    expect(unwrap(withDims(dims)).learning.plan.dims).toEqual(dims);
    const many = Object.fromEntries(Array.from({ length: 17 }, (_, at) => [`d${at}`, 1]));
    expect([{}, { features: 7 }, { nobody: 6 }, { features: 1e9 }, many].map(withDims)).toEqual(
      [
        "model.shape_invalid",
        "model.shape_invalid",
        "model.plan_invalid",
        "message.schema_invalid",
        "message.schema_invalid",
      ].map((code) => ({ ok: false, refusal: expect.objectContaining({ code }) })),
    );
  });

  it("[DR2] a model of words or of several inputs is refused by what it takes, wherever a package is made", async () => {
    const words = buildNetwork(
      {
        input: [3],
        layers: [
          { kind: "embedding", entries: 9, units: 4 },
          { kind: "flatten" },
          { kind: "dense", units: labels.length },
        ],
      },
      createSeededRandom(1),
    );
    const outcomes = [
      again({ model: words }),
      await buildReference({
        model: words,
        preprocessing,
        fit: windowsOf(createSeededRandom("fit"), 12),
        check: windowsOf(createSeededRandom("check"), 12),
        runtime,
      }),
    ];
    for (const outcome of outcomes) {
      expect(outcome.ok ? "" : outcome.refusal.message).toContain("the model takes data (int64)");
    }
  });

  it("[DR2] a plan may patch weights with a low rank; two scopes in one, or a pull beside it, are refused", () => {
    const planned = (scope: TrainingPlan["scope"], pullToBase = 0) =>
      again({ learning: learningDefaults({ plan: { ...made.learning.plan, scope, pullToBase } }) });
    const messageOf = (outcome: ReturnType<typeof planned>): string =>
      outcome.ok ? "" : outcome.refusal.message;
    const weights = ["hidden1.weight"];
    const read = unwrap(planned({ lowRank: 1, scale: 0.5, weights }));
    expect(read.learning.plan.scope).toEqual({ lowRank: 1, scale: 0.5, weights });
    expect(messageOf(planned({ lastLayers: 1, lowRank: 1 } as const))).toMatch(
      /plan\.scope: .*lowRank/,
    );
    expect(messageOf(planned({ lowRank: 1.5 }))).toMatch(/plan\.scope: .*lowRank/);
    expect(messageOf(planned({ lowRank: 8 }))).toContain("no weight of this model can be patched");
    expect(messageOf(planned({ lowRank: 1 }, 0.01))).toContain("weightDecay");
  });

  it("[DR3] with other parameters differs in that part only", () => {
    const other = withParameters(
      made,
      parameterSetOf(
        made.parameters.map((tensor) => ({ ...tensor, data: tensor.data.map((x) => x / 2) })),
      ),
    );
    const [before, after] = [
      partDigests(made, nodeCryptography),
      partDigests(other, nodeCryptography),
    ];
    expect({ ...after, parameters: before.parameters }).toEqual(before);
    expect(after.parameters).not.toBe(before.parameters);
    expect(() => withParameters(made, made.parameters.slice(1))).toThrow();
  });

  it("[DR1] goes through its file and its parts unchanged", () => {
    const file = encodeModelPackage(made, nodeCryptography);
    const { serving, ...read } = unwrap(decodeModelPackage(file, nodeCryptography));
    expect(read).toEqual(made);
    expect(serving).toEqual(
      unwrap(prepareServing(made, servingSources(made.bytes, nodeCryptography))),
    );
    expect(unwrap(readModelParts(made.line, made.bytes))).toEqual(made);
  });

  it("[DR1] answers from its file as from its parts, without reading the model; so does another version of it", async () => {
    const file = encodeModelPackage(made, nodeCryptography);
    const read = unwrap(decodeModelPackage(file, nodeCryptography));
    const other = made.parameters.map((tensor) => ({
      ...tensor,
      data: tensor.data.map((value) => value * 0.5),
    }));
    const { windows } = windowsOf(createSeededRandom("answered"), 40);
    const answers = async (modelPackage: ModelPackage): Promise<EvaluatedWindows> => {
      const evaluator = unwrap(await createEvaluator(modelPackage, runtime));
      const given = await evaluator.answer(windows);
      await evaluator.release();
      return given;
    };
    // A graph that nothing could read: what answers is the form.
    const unread = { ...read, graph: new Uint8Array() };
    expect(await answers(unread)).toEqual(await answers(made));
    const parameters = parameterSetOf(other);
    const changed = withParameters(read, parameters);
    expect(changed.serving).toBe(read.serving);
    expect(await answers(changed)).toEqual(await answers(withParameters(made, parameters)));
    expect(await answers(changed)).not.toEqual(await answers(made));
  });

  it("[DR31] refers to its parts by digest, with blocks where a part is too large for a message", () => {
    const refs = partRefs(made, nodeCryptography);
    expect(refs.graph).toEqual({
      digest: digestOf(nodeCryptography, made.bytes.graph),
      bytes: made.bytes.graph.length,
    });
    const large = new Uint8Array(MQTT_PAYLOAD_BYTES_MAX + 1).map((_, index) => index % 250);
    const ref = blobRefOf(large, nodeCryptography);
    expect(ref.blocks).toEqual([
      digestOf(nodeCryptography, large.subarray(0, BLOB_BLOCK_BYTES)),
      digestOf(nodeCryptography, large.subarray(BLOB_BLOCK_BYTES)),
    ]);
  });

  it("[DR5] knows what is normal for people that its model has not seen", () => {
    const { ood, reference, temperature } = made.calibration;
    expect(reference.errorRate).toBeGreaterThan(0);
    expect(reference.errorRate).toBeLessThan(0.1);
    expect(reference.outlierShare).toBeLessThanOrEqual(0.06);
    expect(Number.isFinite(ood.threshold)).toBe(true);
    expect(ood.profile.kind).toBe("combined");
    expect(ood.population.personCount).toBe(1);
    expect(temperature).toBeGreaterThan(0.1);
  });

  it("[DR6] is evaluated as devices answer, also with other parameters", async () => {
    const evaluator = unwrap(await createEvaluator(made, runtime));
    const { windows, labels: truth } = windowsOf(createSeededRandom("evaluated"), 300);
    const { classes, probabilities, oodScores } = await evaluator.answer(windows);
    const correct = classes.filter((one, index) => one === truth[index]).length;
    expect(correct / truth.length).toBeGreaterThan(0.9);
    expect(probabilities).toHaveLength(300 * labels.length);
    expect(
      [...oodScores].filter((score) => score > made.calibration.ood.threshold).length,
    ).toBeLessThan(40);
    const upsideDown = parameterSetOf(
      made.parameters.map((tensor) => ({
        ...tensor,
        data: tensor.name.startsWith("head") ? tensor.data.map((x) => -x) : tensor.data,
      })),
    );
    const wrong = await evaluator.answer(windows, upsideDown);
    expect(wrong.classes.filter((one, index) => one === truth[index]).length).toBeLessThan(150);
    await evaluator.release();
  });
});

describe("what does not make a package", () => {
  const code = (outcome: ReturnType<typeof again>): string =>
    outcome.ok ? "accepted" : outcome.refusal.code;
  const other = (): Uint8Array =>
    buildPerceptron({ inputSize: 7, hidden: [8], classCount: 3 }, createSeededRandom("other"));

  it("[DR2] message.schema_invalid: a line that is no id", () => {
    expect(code(again({ line: "An Activity" }))).toBe("message.schema_invalid");
  });

  it("[DR2] message.schema_invalid: a label twice, a scale of 0, windows beyond the limit, an unknown policy", () => {
    const wrong = [
      { preprocessing: { ...preprocessing, labels: ["a", "a", "b"] } },
      { preprocessing: { ...preprocessing, channels: [{ name: "x", offset: 0, scale: 0 }] } },
      { preprocessing: { ...preprocessing, windowSamples: 1e9 } },
      { calibration: { ...made.calibration, temperature: Number.NaN } },
      {
        learning: { ...made.learning, guard: { ...made.learning.guard, rule: "mostly" as never } },
      },
      { learning: { ...made.learning, monitor: {} as never } },
    ];
    expect(wrong.map((changes) => code(again(changes)))).toEqual(
      wrong.map(() => "message.schema_invalid"),
    );
  });

  it("[DR2] input.shape_mismatch: a model of other windows, classes or features", () => {
    expect(code(again({ model: other() }))).toBe("input.shape_mismatch");
    expect(code(again({ preprocessing: { ...preprocessing, labels: ["a", "b"] } }))).toBe(
      "input.shape_mismatch",
    );
    const wide = buildPerceptron(
      { inputSize: 6, hidden: [9], classCount: 3 },
      createSeededRandom("wide"),
    );
    expect(code(again({ model: wide }))).toBe("input.shape_mismatch");
  });

  it("[DR2] model.*: no model, a plan that it cannot be trained with, a rehearsal of other windows", () => {
    expect(code(again({ model: Uint8Array.of(1, 2, 3) }))).toMatch(/^model\./);
    const plan = { ...made.learning.plan, scope: { names: ["nobody"] } };
    expect(code(again({ learning: learningDefaults({ plan }) }))).toBe("model.parameter_unknown");
    const rehearsal = { windows: new Float32Array(7), labels: Int32Array.of(0) };
    expect(code(again({ learning: learningDefaults({ rehearsal }) }))).toBe("input.shape_mismatch");
    const wild = { ...made.learning.plan, pullToBase: -1 };
    expect(code(again({ learning: learningDefaults({ plan: wild }) }))).toBe("model.plan_invalid");
  });
});

it("[TC49] a package whose normalisations learn by the batch hands devices their statistics, too", async () => {
  const normalized = buildNetwork(
    {
      input: [6],
      layers: [
        { kind: "batchNormalization" },
        { kind: "dense", units: 8, activation: "relu" },
        { kind: "dense", units: 3 },
      ],
    },
    createSeededRandom("normalised"),
  );
  const plan = { ...made.learning.plan, scope: "all", batchNormalization: "train" } as const;
  const withBatches = (batchSize: number) =>
    again({
      model: normalized,
      learning: learningDefaults({ plan, fineTune: { ...made.learning.fineTune, batchSize } }),
    });
  const alone = withBatches(1);
  expect(alone.ok ? "" : alone.refusal.code).toBe("model.plan_invalid");
  const built = unwrap(withBatches(2));
  const version = versionOf(built, nodeCryptography);
  const inference = createInference(runtime);
  const loaded = unwrap(await inference.load(version, async () => accept(built)));
  expect(loaded.scope.map(({ name }) => name)).toEqual(
    unwrap(readParameters(normalized)).map(({ name }) => name),
  );
  await loaded.release();
});

describe("a hostile file", () => {
  const code = (bytes: Uint8Array): string => {
    const outcome = decodeModelPackage(bytes, nodeCryptography);
    return outcome.ok ? "accepted" : outcome.refusal.code;
  };
  const fileWith = (changes: (file: Record<string, unknown>) => void): Uint8Array => {
    const file = unwrap(decodeCbor(encodeModelPackage(made, nodeCryptography))) as Record<
      string,
      unknown
    >;
    changes(file);
    return encodeCbor(file);
  };

  it("[DR2] frame.not_decodable and message.schema_invalid: it is no package", () => {
    expect(code(new Uint8Array())).toBe("frame.not_decodable");
    const readme = new TextEncoder().encode("# Attune\n\nWhat it is.\n");
    const read = decodeModelPackage(readme, nodeCryptography);
    expect(read.ok ? "" : read.refusal.message).toMatch(/no model package.*attune model build/);
    expect(code(encodeCbor({ hello: 1 }))).toBe("message.schema_invalid");
    expect(code(fileWith((file) => (file.formatVersion = 2)))).toBe("message.schema_invalid");
  });

  it("[DR2] version.mismatch: a part was changed", () => {
    const changed = fileWith((file) => {
      const parts = file.parts as Record<string, Uint8Array>;
      const parameters = made.parameters.map((tensor) => ({
        ...tensor,
        data: tensor.data.map((x) => x + 1),
      }));
      parts.parameters = encodeParameters(parameterSetOf(parameters));
    });
    expect(code(changed)).toBe("version.mismatch");
  });

  it("[DR2] delta.not_finite: a parameter is NaN", () => {
    const changed = fileWith((file) => {
      const parts = file.parts as Record<string, Uint8Array>;
      const bytes = made.bytes.parameters.slice();
      new DataView(bytes.buffer).setFloat32(bytes.length - 4, Number.NaN, true);
      parts.parameters = bytes;
    });
    expect(code(changed)).toBe("delta.not_finite");
  });

  it("[DR2] whatever bytes arrive, it is accepted or refused", () => {
    const whole = encodeModelPackage(made, nodeCryptography);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 4 }),
        fc.nat(whole.length),
        (changes, length) => {
          const bytes = whole.slice(0, length);
          for (const [at, value] of changes) if (at < length) bytes[at] = value;
          const isWhole = length === whole.length && bytes.every((byte, at) => byte === whole[at]);
          expect(code(bytes) === "accepted").toBe(isWhole);
        },
      ),
    );
  });
});
