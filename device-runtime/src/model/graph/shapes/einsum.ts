// Shape of `Einsum`, and how its equation is read.
import type { OnnxNode } from "../../onnx/nodeMessage.ts";
import { type Dim, isSameDim } from "../dim.ts";
import { textAttribute } from "../modelGraph.ts";
import { likeInput, type ShapeRule, shapeMismatch } from "./shapeRule.ts";

/** An equation: the letters of each operand and of the result. */
export interface EinsumEquation {
  readonly operands: readonly string[];
  readonly result: string;
}

/** Reads the equation of a node; without an arrow the result has the letters that occur once, in alphabetical order. */
export function parseEinsum(node: OnnxNode): EinsumEquation {
  const equation = textAttribute(node, "equation", "").replaceAll(" ", "");
  const [left = "", right, ...more] = equation.split("->");
  const operands = left.split(",");
  const letters = [...operands.join("")];
  const once = [...new Set(letters)].filter(
    (letter) => letters.indexOf(letter) === letters.lastIndexOf(letter),
  );
  const result = right ?? once.sort().join("");
  const isPlain = (text: string): boolean =>
    /^[A-Za-z]*$/.test(text) && new Set(text).size === text.length;
  if (
    more.length > 0 ||
    operands.length !== node.inputs.length ||
    ![...operands, result].every(isPlain) ||
    [...result].some((letter) => !letters.includes(letter))
  ) {
    return shapeMismatch(
      node,
      `the equation "${equation}" is not one of ${node.inputs.length} operands without repeated letters or dots`,
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
      shapeMismatch(node, `operand ${index} has ${shape.length} axes, its letters are ${letters}`);
    }
    [...letters].forEach((letter, axis) => {
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
    [...result].map((letter) => sizes.get(letter) ?? 1),
  );
};
