// Reverse-mode differentiation of a typed graph: walks the nodes back to front and lets each operator's rule write its part.
import { Defect } from "@attune/protocol";
import type { Shape } from "../graph/dim.ts";
import type { GraphEmitter } from "../graph/graphEmitter.ts";
import { type ModelGraph, nodeText, type ValueType } from "../graph/modelGraph.ts";
import { WRITTEN_NODES_MAX } from "../limits.ts";
import {
  checkLowering,
  createLowering,
  type Lowering,
  type LoweringPlace,
} from "../lowering/createLowering.ts";
import type { LoweredOperation } from "../lowering/lowering.ts";
import type { ElementType } from "../onnx/elementType.ts";
import type { OnnxNode } from "../onnx/nodeMessage.ts";
import { turnAway } from "../turnAway.ts";
import type { GradientContext } from "./gradientRule.ts";
import { gradientRules } from "./gradientRules.ts";
import type { KnownNormalization } from "./normalized.ts";

/** What to differentiate. */
export interface Differentiation {
  readonly graph: ModelGraph;
  /** Holds the forward nodes already; the gradients are written behind them. */
  readonly emit: GraphEmitter;
  /** Gradient of the loss by each value at which it starts, each in that value's shape. */
  readonly seeds: ReadonlyMap<string, string>;
  /** Values by which the gradient is wanted: parameters, or the input. */
  readonly wanted: ReadonlySet<string>;
  /** Chooses between the forms of an operation; as the cost table says for Node if left out. */
  readonly lowering?: Lowering;
  /** Normalisations that are written node by node, by the first output of their node; none if left out. */
  readonly normalizations?: ReadonlyMap<string, KnownNormalization>;
}

/** Types in which gradients are not computed. */
const notTrained: ReadonlySet<ElementType | undefined> = new Set(["float16", "float64"]);

/**
 * Writes the gradients of the wanted values and returns their names.
 *
 * Only nodes between a wanted value and a seed are differentiated, so frozen layers cost nothing and need no rule. A wanted value that
 * the loss does not depend on is missing in the result.
 */
export function differentiate(task: Differentiation): ReadonlyMap<string, string> {
  const { graph, emit, lowering = createLowering(checkLowering()) } = task;
  const live = differentiable(graph, task.wanted);
  const parts = new Map<string, string[]>();
  for (const [value, gradient] of task.seeds) parts.set(value, [gradient]);
  const gradients = new Map<string, string>();
  const totalOf = (value: string): string | undefined => {
    const known = gradients.get(value);
    if (known !== undefined) return known;
    const [first, ...others] = parts.get(value) ?? [];
    if (first === undefined) return undefined;
    const total = others.reduce((sum, part) => emit.node("Add", [sum, part]), first);
    gradients.set(value, total);
    return total;
  };
  const shapeOf = (value: string): Shape => graph.values.get(value)?.shape ?? [];

  // A rule reads the forward values of its node and the gradients by its outputs, which are shaped like them.
  const typeIn =
    (node: OnnxNode) =>
    (name: string): ValueType =>
      graph.values.get(name) ??
      graph.values.get(node.outputs.find((output) => gradients.get(output) === name) ?? "") ??
      noType(node, name);

  for (const node of graph.nodes.toReversed()) {
    if (!node.inputs.some((input) => live.has(input))) continue;
    if (!node.outputs.some((output) => parts.has(output))) continue;
    const rule = node.domain === "" ? gradientRules.get(node.operator) : undefined;
    if (rule === undefined) {
      return turnAway(
        "model.operator_unsupported",
        `${nodeText(node)}: no gradient rule for ${node.operator}`,
      );
    }
    const narrow = node.outputs.find((name) => notTrained.has(graph.values.get(name)?.type));
    if (narrow !== undefined) {
      turnAway(
        "model.operator_unsupported",
        `${nodeText(node)} computes in ${graph.values.get(narrow)?.type ?? ""}, training in float32; export the model in float32`,
      );
    }
    const [output = ""] = node.outputs;
    const asked = new Set<string>();
    const gradientOf = (index: number): string | undefined => {
      const name = node.outputs[index] ?? "";
      asked.add(name);
      return name === "" ? undefined : totalOf(name);
    };
    const placeOf = (operation: LoweredOperation): LoweringPlace => ({
      operation,
      node,
      typeOf: typeIn(node),
      isConstant: (name) => graph.constants.has(name) && !task.wanted.has(name),
      wants: (index) => live.has(node.inputs[index] ?? ""),
    });
    const context: GradientContext = {
      node,
      emit,
      input: (index) => node.inputs[index] ?? "",
      output,
      get gradient() {
        return gradientOf(0) ?? noGradientThrough(node, node.outputs.slice(1));
      },
      gradientOf,
      wants: (index) => live.has(node.inputs[index] ?? ""),
      shapeOf,
      typeOf: (value) => typeIn(node)(value).type,
      constant: (index) => {
        const name = node.inputs[index] ?? "";
        return task.wanted.has(name) ? undefined : graph.constants.get(name);
      },
      normalization: task.normalizations?.get(output),
      requestOutput: (index) => emit.requestOutput(node, index),
      lower: (operation, forms) => lowering.choose(placeOf(operation), forms).write(emit),
      choose: (operation, forms) => lowering.choose(placeOf(operation), forms),
    };
    const results = emit.writeFor(node, () => rule(context));
    if (emit.nodes.length > WRITTEN_NODES_MAX) {
      turnAway(
        "model.too_large",
        `${nodeText(node)}: with its gradient the training graph has over ${WRITTEN_NODES_MAX} nodes; use a smaller scope`,
      );
    }
    // No list at all: the operator is flat. Else every way to a wanted value has to be written, or training would silently miss it.
    const lost =
      results.length === 0
        ? -1
        : node.inputs.findIndex(
            (input, index) => input !== "" && live.has(input) && results[index] === undefined,
          );
    if (lost >= 0) {
      turnAway(
        "model.operator_unsupported",
        `${nodeText(node)}: no gradient by its input ${lost} (${node.inputs[lost] ?? ""}), which depends on what is trained; leave that out of the scope`,
      );
    }
    const left = node.outputs.slice(1).filter((name) => parts.has(name) && !asked.has(name));
    if (left.length > 0) noGradientThrough(node, left);
    results.forEach((result, index) => {
      const input = node.inputs[index] ?? "";
      if (result === undefined || !live.has(input)) return;
      const before = parts.get(input);
      if (before === undefined) parts.set(input, [result]);
      else before.push(result);
    });
  }
  const found = new Map<string, string>();
  for (const value of task.wanted) {
    const total = totalOf(value);
    if (total !== undefined) found.set(value, total);
  }
  return found;
}

/**
 * Values that depend on a wanted one through floating-point numbers; all others are constants as far as the gradient is concerned.
 *
 * Integers and truth values are flat between their steps, so what is made of them carries no gradient. Those of `QuantizeLinear` stand for the
 * rounded numbers until `DequantizeLinear`, and do.
 */
function differentiable(graph: ModelGraph, wanted: ReadonlySet<string>): ReadonlySet<string> {
  const live = new Set(wanted);
  const typeOf = (name: string): ElementType | undefined => graph.values.get(name)?.type;
  for (const node of graph.nodes) {
    const from = node.inputs.filter((input) => live.has(input));
    if (from.length === 0) continue;
    for (const output of node.outputs) {
      const type = typeOf(output);
      const carries =
        type === undefined ||
        isFloat(type) ||
        node.operator === "QuantizeLinear" ||
        from.some((input) => typeOf(input) === type);
      if (carries) live.add(output);
    }
  }
  return live;
}

const isFloat = (type: ElementType): boolean =>
  type === "float32" || type === "float16" || type === "float64";

function noType(node: OnnxNode, name: string): never {
  throw new Defect("lowering.shape_unknown", `${nodeText(node)}: a form reads ${name}`);
}

function noGradientThrough(node: OnnxNode, outputs: readonly string[]): never {
  return turnAway(
    "model.operator_unsupported",
    `${nodeText(node)}: no gradient through its output ${outputs.join(", ")}`,
  );
}
