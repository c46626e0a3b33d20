// Types of `QuantizeLinear` and `DequantizeLinear`; shapes stay.
import { elementTypeOf } from "../../onnx/elementType.ts";
import { integerAttribute } from "../modelGraph.ts";
import type { ShapeRule } from "./shapeRule.ts";

/** `QuantizeLinear`: the type of its zero point, else the one that it names, else uint8. */
export const quantizeShape: ShapeRule = (context) => {
  const named = elementTypeOf(integerAttribute(context.node, "output_dtype", 0));
  const type = context.has(2) ? context.input(2).type : (named ?? "uint8");
  return [{ type, shape: context.input(0).shape }];
};

/** `DequantizeLinear`: the type of its scale. */
export const dequantizeShape: ShapeRule = (context) => [
  { type: context.input(1).type, shape: context.input(0).shape },
];
