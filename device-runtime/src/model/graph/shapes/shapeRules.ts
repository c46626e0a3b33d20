// Which shape rule serves which operator. Only this table knows the names.
import { castShape } from "./cast.ts";
import {
  broadcastShape,
  comparisonShape,
  dropoutShape,
  sameShape,
  whereShape,
} from "./elementwise.ts";
import { gemmShape, matMulShape } from "./matrix.ts";
import {
  concatShape,
  constantOfShapeShape,
  expandShape,
  flattenShape,
  gatherShape,
  reshapeShape,
  shapeShape,
  sliceShape,
  splitShape,
  squeezeShape,
  transposeShape,
  unsqueezeShape,
} from "./rearrange.ts";
import { reduceShape } from "./reduce.ts";
import type { ShapeRule } from "./shapeRule.ts";
import { batchNormalizationShape, convShape, globalPoolShape, poolShape } from "./window.ts";

/** Shape rule of every operator that a model may contain. */
export const shapeRules: ReadonlyMap<string, ShapeRule> = new Map<string, ShapeRule>([
  ["Add", broadcastShape],
  ["AveragePool", poolShape],
  ["BatchNormalization", batchNormalizationShape],
  ["Cast", castShape],
  ["Clip", sameShape],
  ["Concat", concatShape],
  ["ConstantOfShape", constantOfShapeShape],
  ["Conv", convShape],
  ["Div", broadcastShape],
  ["Dropout", dropoutShape],
  ["Equal", comparisonShape],
  ["Exp", sameShape],
  ["Expand", expandShape],
  ["Flatten", flattenShape],
  ["Gather", gatherShape],
  ["Gemm", gemmShape],
  ["GlobalAveragePool", globalPoolShape],
  ["Greater", comparisonShape],
  ["Identity", sameShape],
  ["LeakyRelu", sameShape],
  ["LogSoftmax", sameShape],
  ["MatMul", matMulShape],
  ["MaxPool", poolShape],
  ["Mul", broadcastShape],
  ["Neg", sameShape],
  ["ReduceMean", reduceShape],
  ["ReduceSum", reduceShape],
  ["Relu", sameShape],
  ["Reshape", reshapeShape],
  ["Shape", shapeShape],
  ["Sigmoid", sameShape],
  ["Slice", sliceShape],
  ["Split", splitShape],
  ["Softmax", sameShape],
  ["Sqrt", sameShape],
  ["Squeeze", squeezeShape],
  ["Sub", broadcastShape],
  ["Tanh", sameShape],
  ["Transpose", transposeShape],
  ["Unsqueeze", unsqueezeShape],
  ["Where", whereShape],
]);
