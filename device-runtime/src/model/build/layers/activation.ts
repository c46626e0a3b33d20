// Writes activations in operators that every ONNX version from 13 on has.
import type { GraphEmitter } from "../../graph/graphEmitter.ts";
import type { Activation } from "../networkSpec.ts";

/** `activation(value)`. */
export function writeActivation(emit: GraphEmitter, value: string, activation: Activation): string {
  switch (activation) {
    case "none":
      return value;
    case "relu":
      return emit.node("Relu", [value]);
    case "leakyRelu":
      return emit.node("LeakyRelu", [value]);
    case "tanh":
      return emit.node("Tanh", [value]);
    case "sigmoid":
      return emit.node("Sigmoid", [value]);
    case "hardSwish":
      return emit.node("HardSwish", [value]);
    case "silu":
      return emit.node("Mul", [value, emit.node("Sigmoid", [value])]);
    case "gelu": {
      // x/2 (1 + erf(x / √2)), Hendrycks and Gimpel 2016: the operator Gelu came only with operator set 20.
      const erf = emit.node("Erf", [emit.node("Mul", [value, emit.scalar(Math.SQRT1_2)])]);
      const half = emit.node("Mul", [value, emit.scalar(0.5)]);
      return emit.node("Mul", [half, emit.node("Add", [erf, emit.scalar(1)])]);
    }
    default:
      return activation satisfies never;
  }
}

/** Whether half of an activation's inputs come out as nearly nothing, which initial weights make up for. */
export function isRectifying(activation: Activation): boolean {
  return activation !== "none" && activation !== "tanh" && activation !== "sigmoid";
}
