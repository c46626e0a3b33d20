// Shape and type of `Cast`.
import { elementTypeOf } from "../../onnx/elementType.ts";
import { integerAttribute } from "../modelGraph.ts";
import { type ShapeRule, shapeMismatch } from "./shapeRule.ts";

/** `Cast`: same shape, another element type. */
export const castShape: ShapeRule = (context) => {
  const code = integerAttribute(context.node, "to", 0);
  const type =
    elementTypeOf(code) ?? shapeMismatch(context.node, `casts to the unsupported type ${code}`);
  return [{ type, shape: context.input(0).shape }];
};
