// Chooses how each operation of a training graph is written: as told, else as the cost table predicts to be fastest.
import { assertDefect } from "@attune/protocol";
import { checkKeys, isRecord } from "../compile/planSetting.ts";
import type { Shape } from "../graph/dim.ts";
import { createGraphEmitter } from "../graph/graphEmitter.ts";
import { nodesBehind } from "../graph/loadGraph.ts";
import { nodeText, type ValueType } from "../graph/modelGraph.ts";
import { PRICED_NODES_MAX } from "../limits.ts";
import type { OnnxAttribute, OnnxNode } from "../onnx/nodeMessage.ts";
import { turnAway } from "../turnAway.ts";
import { predictedNs } from "./costTable.ts";
import { emittedTypes, type SizedValue } from "./emittedTypes.ts";
import {
  type AnyForm,
  type LoweredOperation,
  type LoweringSpec,
  loweredOperations,
  type TargetEngine,
} from "./lowering.ts";
import { nodeWork, sumOfWork, type Work } from "./nodeWork.ts";
import { webgpuCanRun } from "./webgpuCanRun.ts";

/** A lowering specification with its defaults. */
export interface CheckedLowering {
  readonly engine: TargetEngine;
  readonly batchSize: number;
  readonly forms: Readonly<Record<string, string>>;
}

/** One operation in one place. */
export interface LoweringPlace {
  readonly operation: LoweredOperation;
  readonly node: OnnxNode;
  /** Type and shape of a value of the forward graph, or of the gradient. */
  typeOf(value: string): ValueType;
  /** Whether a value stays constant in training. */
  isConstant(value: string): boolean;
  /** Whether the gradient by input `index` is wanted. */
  wants(index: number): boolean;
}

/** A form with what it is predicted to cost. */
export interface PredictedForm {
  readonly name: string;
  /** Of one run of the gradient, and of its node where it reads what the node gives. */
  readonly predictedNs: number;
  /** What the prediction adds up. */
  readonly work: Work;
}

/** A place where there was a choice, and what was chosen. */
export interface LoweringSite {
  /** Operation, sizes and settings: equal names have equal costs. */
  readonly name: string;
  readonly operation: LoweredOperation;
  /** Name of the node's first output. */
  readonly output: string;
  /** Inputs of the node by which the operation gives the gradient. */
  readonly targets: readonly string[];
  /** Forms that the site can take, the predicted fastest first. */
  readonly forms: readonly PredictedForm[];
  readonly chosen: string;
}

/** Chooses forms for one graph and remembers what was chosen. */
export interface Lowering {
  readonly sites: readonly LoweringSite[];
  choose<F extends AnyForm>(place: LoweringPlace, forms: readonly F[]): F;
}

const engines: readonly TargetEngine[] = ["node", "wasm", "webgpu"];
const BATCH_SIZE_MAX = 65_536;

/** Fills in the defaults of a specification; refuses what is not known. */
export function checkLowering(spec: LoweringSpec = {}): CheckedLowering {
  checkKeys("lowering", spec, ["engine", "batchSize", "forms"]);
  const { engine = "node", batchSize = 16, forms = {} } = spec;
  if (!isRecord(forms)) checkKeys("forms", forms, Object.keys(loweredOperations));
  if (!engines.includes(engine)) {
    turnAway("model.plan_invalid", `engine ${JSON.stringify(engine)}; take ${engines.join(", ")}`);
  }
  if (!(Number.isInteger(batchSize) && batchSize >= 1 && batchSize <= BATCH_SIZE_MAX)) {
    turnAway(
      "model.plan_invalid",
      `lowering batchSize is ${batchSize}, must be a whole number from 1 to ${BATCH_SIZE_MAX}`,
    );
  }
  for (const [site, form] of Object.entries(forms)) {
    const [operation = ""] = site.split(" ");
    const known: readonly string[] | undefined = Object.hasOwn(loweredOperations, operation)
      ? loweredOperations[operation as LoweredOperation]
      : undefined;
    if (known === undefined) {
      turnAway(
        "model.plan_invalid",
        `form for ${site}, which is no operation; take ${Object.keys(loweredOperations).join(", ")}`,
      );
    } else if (!known.includes(form)) {
      turnAway(
        "model.plan_invalid",
        `${site} has no form ${JSON.stringify(form)}; take ${known.join(", ")}`,
      );
    }
  }
  return { engine, batchSize, forms };
}

/** Starts the choices of one graph. */
export function createLowering(spec: CheckedLowering): Lowering {
  const sites: LoweringSite[] = [];
  let pricedCount = 0;
  const priced = (place: LoweringPlace, nodeCount: number): void => {
    pricedCount += nodeCount;
    if (pricedCount > PRICED_NODES_MAX) {
      turnAway(
        "model.too_large",
        `${nodeText(place.node)}: with the forms of its gradient over ${PRICED_NODES_MAX} nodes would be priced; use a smaller scope, or smaller kernels`,
      );
    }
  };
  return {
    sites,
    choose(place, forms) {
      const costs = ranked(place, forms, spec, priced);
      const name = siteName(place, spec.batchSize);
      const told = [spec.forms[name], spec.forms[place.operation]].find((asked) =>
        costs.some(({ form }) => form.name === asked),
      );
      const chosen = costs.find(({ form }) => form.name === told)?.form ?? costs[0].form;
      sites.push({
        name,
        operation: place.operation,
        output: place.node.outputs[0] ?? "",
        targets: targetsOf(place).map((index) => place.node.inputs[index] ?? ""),
        forms: costs.map(({ form, work, ns }) => ({
          name: form.name,
          predictedNs: Math.round(ns),
          work,
        })),
        chosen: chosen.name,
      });
      return chosen;
    },
  };
}

interface RankedForm<F> {
  readonly form: F;
  readonly work: Work;
  readonly ns: number;
}

/** The forms that the engine can run, the predicted fastest first; at least one. */
function ranked<F extends AnyForm>(
  place: LoweringPlace,
  forms: readonly F[],
  spec: CheckedLowering,
  priced: (place: LoweringPlace, nodeCount: number) => void,
): readonly [RankedForm<F>, ...RankedForm<F>[]] {
  const [fastest, ...others] = forms
    .flatMap((form) => {
      const work = workOf(form, place, spec, priced);
      return work === undefined ? [] : [{ form, work, ns: predictedNs(spec.engine, work) }];
    })
    .sort((a, b) => a.ns - b.ns);
  if (fastest === undefined) {
    return turnAway(
      "model.operator_unsupported",
      `${nodeText(place.node)}: no form of ${place.operation} runs on ${spec.engine}; compile for wasm`,
    );
  }
  return [fastest, ...others];
}

/** Positions of the inputs by which an operation gives the gradient. */
function targetsOf({ operation, wants }: LoweringPlace): readonly number[] {
  if (operation === "conv") return [0, 1].filter(wants);
  return [operation.endsWith(".weight") ? 1 : 0];
}

/** Sizes for a known batch: every unknown factor is the batch. */
export function knownSizes(shape: Shape, batchSize: number): number[] {
  return shape.map((dim) =>
    typeof dim === "number" ? dim : dim.factor * batchSize ** dim.symbols.length,
  );
}

/** Work of a form with its forward node, which it may change; undefined where the engine can not run it. */
function workOf(
  form: AnyForm,
  place: LoweringPlace,
  { engine, batchSize }: CheckedLowering,
  priced: (place: LoweringPlace, nodeCount: number) => void,
): Work | undefined {
  const scratch = createGraphEmitter("cost:");
  scratch.copy(place.node);
  const result = form.write(scratch);
  priced(place, scratch.nodes.length);
  // The forward node counts where a form reads what it gives, because forms differ in what they ask of it.
  const results = [result].flat().filter((name) => name !== undefined);
  const nodes = nodesBehind(scratch.nodes, results);
  const types = emittedTypes(nodes, scratch.constants, (name): SizedValue => {
    const { type, shape } = place.typeOf(name);
    return { type, dims: knownSizes(shape, batchSize) };
  });
  const typeOf = (name: string): SizedValue => {
    const type = types.get(name);
    assertDefect(type !== undefined, "lowering.shape_unknown", `${name} has no shape`);
    return type;
  };
  if (engine === "webgpu" && !nodes.every((node) => webgpuCanRun(node, typeOf))) {
    return undefined;
  }
  return sumOfWork(nodes.map((node) => nodeWork(node, typeOf)));
}

const attributeText = (attribute: OnnxAttribute): string =>
  attribute.kind === "tensor" || attribute.kind === "graph" || attribute.kind === "other"
    ? attribute.kind
    : String(attribute.value);

/** `conv.weight 16x6x128 32x6x5 pads=2,2`; a constant input is marked by `=`. */
function siteName(place: LoweringPlace, batchSize: number): string {
  const { operation, node } = place;
  const inputs = node.inputs
    .filter((input) => input !== "")
    .map((input) => {
      const dims = knownSizes(place.typeOf(input).shape, batchSize).join("x");
      return place.isConstant(input) ? `=${dims}` : dims;
    });
  const attributes = [...node.attributes]
    .map(([name, attribute]) => `${name}=${attributeText(attribute)}`)
    .sort();
  const by = operation === "conv" ? [`by=${targetsOf(place).join()}`] : [];
  return [operation, ...inputs, ...attributes, ...by].join(" ");
}
