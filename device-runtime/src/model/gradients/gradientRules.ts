// Which gradient rule serves which operator. Only this table knows the names.

import { absGradient } from "./abs.ts";
import { addGradient } from "./add.ts";
import { averagePoolGradient } from "./averagePool.ts";
import { batchNormalizationGradient } from "./batchNormalization.ts";
import { depthToSpaceGradient, spaceToDepthGradient } from "./blocks.ts";
import { castGradient } from "./cast.ts";
import { instanceNormalizationGradient } from "./channelNormalization.ts";
import { clipGradient } from "./clip.ts";
import { concatGradient } from "./concat.ts";
import { convGradient } from "./conv.ts";
import { convTransposeGradient } from "./convTranspose.ts";
import { cumSumGradient } from "./cumSum.ts";
import { divGradient } from "./div.ts";
import { einsumGradient } from "./einsum.ts";
import { erfGradient } from "./erf.ts";
import { expGradient } from "./exp.ts";
import { expandGradient } from "./expand.ts";
import { celuGradient, eluGradient, seluGradient } from "./exponentialUnits.ts";
import { extremesGradient } from "./extremes.ts";
import { gatherElementsGradient, gatherGradient, gatherNdGradient } from "./gather.ts";
import { geluGradient } from "./gelu.ts";
import { gemmGradient } from "./gemm.ts";
import { globalAveragePoolGradient } from "./globalAveragePool.ts";
import { globalMaxPoolGradient } from "./globalMaxPool.ts";
import type { GradientRule } from "./gradientRule.ts";
import { hardSigmoidGradient } from "./hardSigmoid.ts";
import { hardSwishGradient } from "./hardSwish.ts";
import { dropoutGradient, identityGradient } from "./identity.ts";
import { layerNormalizationGradient } from "./layerNormalization.ts";
import { leakyReluGradient } from "./leakyRelu.ts";
import { logGradient } from "./log.ts";
import { logSoftmaxGradient } from "./logSoftmax.ts";
import { globalLpPoolGradient, lpPoolGradient } from "./lpPool.ts";
import { matMulGradient } from "./matMul.ts";
import { maxPoolGradient } from "./maxPool.ts";
import { mishGradient } from "./mish.ts";
import { mulGradient } from "./mul.ts";
import { negGradient } from "./neg.ts";
import { padGradient } from "./pad.ts";
import { powGradient } from "./pow.ts";
import { pReluGradient } from "./pRelu.ts";
import { dequantizeGradient, quantizeGradient } from "./quantize.ts";
import { reciprocalGradient } from "./reciprocal.ts";
import { gruGradient } from "./recurrent/gru.ts";
import { lstmGradient } from "./recurrent/lstm.ts";
import { rnnGradient } from "./recurrent/rnn.ts";
import {
  reduceL1Gradient,
  reduceL2Gradient,
  reduceLogSumExpGradient,
  reduceLogSumGradient,
  reduceMeanGradient,
  reduceSumGradient,
  reduceSumSquareGradient,
} from "./reduce.ts";
import { reduceExtremeGradient } from "./reduceExtreme.ts";
import { reduceProductGradient } from "./reduceProduct.ts";
import { reluGradient } from "./relu.ts";
import { reshapeGradient } from "./reshape.ts";
import { resizeGradient } from "./resize.ts";
import { scatterElementsGradient, scatterNdGradient } from "./scatter.ts";
import { sigmoidGradient } from "./sigmoid.ts";
import { sliceGradient } from "./slice.ts";
import { softmaxGradient } from "./softmax.ts";
import { softplusGradient } from "./softplus.ts";
import { softsignGradient } from "./softsign.ts";
import { splitGradient } from "./split.ts";
import { sqrtGradient } from "./sqrt.ts";
import { flatGradient } from "./steps.ts";
import { subGradient } from "./sub.ts";
import { meanGradient, sumGradient } from "./sum.ts";
import { tanhGradient } from "./tanh.ts";
import { thresholdedReluGradient } from "./thresholdedRelu.ts";
import { tileGradient } from "./tile.ts";
import { transposeGradient } from "./transpose.ts";
import {
  acosGradient,
  acoshGradient,
  asinGradient,
  asinhGradient,
  atanGradient,
  atanhGradient,
  cosGradient,
  coshGradient,
  sinGradient,
  sinhGradient,
  tanGradient,
} from "./trigonometry.ts";
import { triluGradient } from "./trilu.ts";
import { whereGradient } from "./where.ts";

/** Gradient rule of every operator through which training can go back. */
export const gradientRules: ReadonlyMap<string, GradientRule> = new Map<string, GradientRule>([
  ["Abs", absGradient],
  ["Acos", acosGradient],
  ["Acosh", acoshGradient],
  ["Add", addGradient],
  ["Asin", asinGradient],
  ["Asinh", asinhGradient],
  ["Atan", atanGradient],
  ["Atanh", atanhGradient],
  ["AveragePool", averagePoolGradient],
  ["BatchNormalization", batchNormalizationGradient],
  ["Cast", castGradient],
  ["Ceil", flatGradient],
  ["Celu", celuGradient],
  ["Clip", clipGradient],
  ["Concat", concatGradient],
  ["Conv", convGradient],
  ["ConvTranspose", convTransposeGradient],
  ["Cos", cosGradient],
  ["Cosh", coshGradient],
  ["CumSum", cumSumGradient],
  ["DepthToSpace", depthToSpaceGradient],
  ["DequantizeLinear", dequantizeGradient],
  ["Div", divGradient],
  ["Dropout", dropoutGradient],
  ["Einsum", einsumGradient],
  ["Elu", eluGradient],
  ["Erf", erfGradient],
  ["Exp", expGradient],
  ["Expand", expandGradient],
  ["Flatten", reshapeGradient],
  ["Floor", flatGradient],
  ["GRU", gruGradient],
  ["Gather", gatherGradient],
  ["GatherElements", gatherElementsGradient],
  ["GatherND", gatherNdGradient],
  ["Gelu", geluGradient],
  ["Gemm", gemmGradient],
  ["GlobalAveragePool", globalAveragePoolGradient],
  ["GlobalLpPool", globalLpPoolGradient],
  ["GlobalMaxPool", globalMaxPoolGradient],
  ["HardSigmoid", hardSigmoidGradient],
  ["HardSwish", hardSwishGradient],
  ["Identity", identityGradient],
  ["InstanceNormalization", instanceNormalizationGradient],
  ["LSTM", lstmGradient],
  ["LayerNormalization", layerNormalizationGradient],
  ["LeakyRelu", leakyReluGradient],
  ["Log", logGradient],
  ["LogSoftmax", logSoftmaxGradient],
  ["LpPool", lpPoolGradient],
  ["MatMul", matMulGradient],
  ["Max", extremesGradient],
  ["MaxPool", maxPoolGradient],
  ["Mean", meanGradient],
  ["Min", extremesGradient],
  ["Mish", mishGradient],
  ["Mul", mulGradient],
  ["Neg", negGradient],
  ["PRelu", pReluGradient],
  ["Pad", padGradient],
  ["Pow", powGradient],
  ["QuantizeLinear", quantizeGradient],
  ["RNN", rnnGradient],
  ["Reciprocal", reciprocalGradient],
  ["ReduceL1", reduceL1Gradient],
  ["ReduceL2", reduceL2Gradient],
  ["ReduceLogSum", reduceLogSumGradient],
  ["ReduceLogSumExp", reduceLogSumExpGradient],
  ["ReduceMax", reduceExtremeGradient],
  ["ReduceMean", reduceMeanGradient],
  ["ReduceMin", reduceExtremeGradient],
  ["ReduceProd", reduceProductGradient],
  ["ReduceSum", reduceSumGradient],
  ["ReduceSumSquare", reduceSumSquareGradient],
  ["Relu", reluGradient],
  ["Reshape", reshapeGradient],
  ["Resize", resizeGradient],
  ["Round", flatGradient],
  ["ScatterElements", scatterElementsGradient],
  ["ScatterND", scatterNdGradient],
  ["Selu", seluGradient],
  ["Sigmoid", sigmoidGradient],
  ["Sign", flatGradient],
  ["Sin", sinGradient],
  ["Sinh", sinhGradient],
  ["Slice", sliceGradient],
  ["Softmax", softmaxGradient],
  ["Softplus", softplusGradient],
  ["Softsign", softsignGradient],
  ["SpaceToDepth", spaceToDepthGradient],
  ["Split", splitGradient],
  ["Sqrt", sqrtGradient],
  ["Squeeze", reshapeGradient],
  ["Sub", subGradient],
  ["Sum", sumGradient],
  ["Tan", tanGradient],
  ["Tanh", tanhGradient],
  ["ThresholdedRelu", thresholdedReluGradient],
  ["Tile", tileGradient],
  ["Transpose", transposeGradient],
  ["Trilu", triluGradient],
  ["Unsqueeze", reshapeGradient],
  ["Where", whereGradient],
]);
