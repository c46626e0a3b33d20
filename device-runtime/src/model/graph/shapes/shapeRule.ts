// What a shape rule sees and returns. One rule a family of operators; none may look at other nodes.
import type { OnnxNode } from "../../onnx/nodeMessage.ts";
import { turnAway } from "../../turnAway.ts";
import type { Dim, Shape } from "../dim.ts";
import { nodeText, type ValueType } from "../modelGraph.ts";

/** One node and what is known about its inputs. */
export interface ShapeContext {
  readonly node: OnnxNode;
  /** Type and shape of input `index`; turned away when it is left out. */
  input(index: number): ValueType;
  /** Whether input `index` is given. */
  has(index: number): boolean;
  /** Elements of an integer input whose value is known, maybe up to unknown sizes. */
  integers(index: number): readonly Dim[] | undefined;
  /** Elements of an input of any type whose value is known. */
  numbers(index: number): readonly Dim[] | undefined;
  /** An unknown size that no other value has. */
  freshDim(): Dim;
}

/** Types and shapes of a node's outputs, in order. */
export type ShapeRule = (context: ShapeContext) => readonly ValueType[];

/** Gives up on a node whose inputs do not fit together. */
export function shapeMismatch(node: OnnxNode, what: string): never {
  return turnAway("model.shape_invalid", `${nodeText(node)}: ${what}; export the model again`);
}

/** Integers of an input that must be known as plain numbers. */
export function knownIntegers(context: ShapeContext, index: number, what: string): number[] {
  const values = context.integers(index);
  if (values === undefined || !values.every((value) => typeof value === "number")) {
    return turnAway(
      "model.shape_unknown",
      `${nodeText(context.node)}: ${what} is computed while the model runs; export it with a fixed value there`,
    );
  }
  return [...values];
}

/** The only output has the type of input 0 and this shape. */
export function likeInput(context: ShapeContext, shape: Shape): readonly ValueType[] {
  return [{ type: context.input(0).type, shape }];
}
