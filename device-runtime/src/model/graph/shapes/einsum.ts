// Shape of `Einsum`, and how its equation is read.
import type { OnnxNode } from "../../onnx/nodeMessage.ts";
import { turnAway } from "../../turnAway.ts";
import { type Dim, isSameDim } from "../dim.ts";
import { nodeText, textAttribute } from "../modelGraph.ts";
import { likeInput, type ShapeRule, shapeMismatch } from "./shapeRule.ts";

/** An equation: the letters of each operand and of the result. */
export interface EinsumEquation {
  readonly operands: readonly (readonly string[])[];
  readonly result: readonly string[];
}

/** Reads the equation of a node; without an arrow the result has the letters that occur once, in alphabetical order. */
export function parseEinsum(node: OnnxNode): EinsumEquation {
  const equation = textAttribute(node, "equation", "").replaceAll(" ", "");
  const [left = "", right, ...more] = equation.split("->");
  const operands = left.split(",").map((text) => Array.from(text));
  const letters = operands.flat();
  const once = [...new Set(letters)].filter(
    (letter) => letters.indexOf(letter) === letters.lastIndexOf(letter),
  );
  const result = right === undefined ? once.sort((a, b) => (a < b ? -1 : 1)) : Array.from(right);
  const isPlain = (text: readonly string[]): boolean =>
    text.every((letter) => /^[A-Za-z]$/.test(letter)) && new Set(text).size === text.length;
  if (
    more.length > 0 ||
    operands.length !== node.inputs.length ||
    ![...operands, result].every(isPlain) ||
    result.some((letter) => !letters.includes(letter))
  ) {
    return turnAway(
      "model.operator_unsupported",
      `${nodeText(node)}: the equation "${equation}" is not one of ${node.inputs.length} operands without repeated letters or dots; write it out as MatMul, Mul and ReduceSum`,
    );
  }
  return { operands, result };
}

/** `Einsum`: every letter has one size. */
export const einsumShape: ShapeRule = (context) => {
  const { node } = context;
  const { operands, result } = parseEinsum(node);
  const sizes = new Map<string, Dim>();
  operands.forEach((letters, index) => {
    const { shape } = context.input(index);
    if (shape.length !== letters.length) {
      shapeMismatch(
        node,
        `operand ${index} has ${shape.length} axes, its letters are ${letters.join("")}`,
      );
    }
    letters.forEach((letter, axis) => {
      const size = shape[axis] ?? 1;
      const before = sizes.get(letter);
      if (before !== undefined && !isSameDim(before, size)) {
        shapeMismatch(node, `the letter ${letter} has two sizes`);
      }
      sizes.set(letter, size);
    });
  });
  return likeInput(
    context,
    result.map((letter) => sizes.get(letter) ?? 1),
  );
};
