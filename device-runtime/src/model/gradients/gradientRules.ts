// Which gradient rule serves which operator. Only this table knows the names.
import { addGradient } from "./add.ts";
import { averagePoolGradient } from "./averagePool.ts";
import { batchNormalizationGradient } from "./batchNormalization.ts";
import { clipGradient } from "./clip.ts";
import { concatGradient } from "./concat.ts";
import { convGradient } from "./conv.ts";
import { divGradient } from "./div.ts";
import { expGradient } from "./exp.ts";
import { gemmGradient } from "./gemm.ts";
import { globalAveragePoolGradient } from "./globalAveragePool.ts";
import type { GradientRule } from "./gradientRule.ts";
import { dropoutGradient, identityGradient } from "./identity.ts";
import { leakyReluGradient } from "./leakyRelu.ts";
import { logSoftmaxGradient } from "./logSoftmax.ts";
import { matMulGradient } from "./matMul.ts";
import { maxPoolGradient } from "./maxPool.ts";
import { mulGradient } from "./mul.ts";
import { negGradient } from "./neg.ts";
import { reduceMeanGradient, reduceSumGradient } from "./reduce.ts";
import { reluGradient } from "./relu.ts";
import { reshapeGradient } from "./reshape.ts";
import { sigmoidGradient } from "./sigmoid.ts";
import { softmaxGradient } from "./softmax.ts";
import { sqrtGradient } from "./sqrt.ts";
import { subGradient } from "./sub.ts";
import { tanhGradient } from "./tanh.ts";
import { transposeGradient } from "./transpose.ts";

/** Gradient rule of every operator through which training can go back. */
export const gradientRules: ReadonlyMap<string, GradientRule> = new Map<string, GradientRule>([
  ["Add", addGradient],
  ["AveragePool", averagePoolGradient],
  ["BatchNormalization", batchNormalizationGradient],
  ["Clip", clipGradient],
  ["Concat", concatGradient],
  ["Conv", convGradient],
  ["Div", divGradient],
  ["Dropout", dropoutGradient],
  ["Exp", expGradient],
  ["Flatten", reshapeGradient],
  ["Gemm", gemmGradient],
  ["GlobalAveragePool", globalAveragePoolGradient],
  ["Identity", identityGradient],
  ["LeakyRelu", leakyReluGradient],
  ["LogSoftmax", logSoftmaxGradient],
  ["MatMul", matMulGradient],
  ["MaxPool", maxPoolGradient],
  ["Mul", mulGradient],
  ["Neg", negGradient],
  ["ReduceMean", reduceMeanGradient],
  ["ReduceSum", reduceSumGradient],
  ["Relu", reluGradient],
  ["Reshape", reshapeGradient],
  ["Sigmoid", sigmoidGradient],
  ["Softmax", softmaxGradient],
  ["Sqrt", sqrtGradient],
  ["Squeeze", reshapeGradient],
  ["Sub", subGradient],
  ["Tanh", tanhGradient],
  ["Transpose", transposeGradient],
  ["Unsqueeze", reshapeGradient],
]);
