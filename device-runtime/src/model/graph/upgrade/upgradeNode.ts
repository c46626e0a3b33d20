// Which change serves which operator of which operator set. Only this table knows the names.
import type { OnnxNode } from "../../onnx/nodeMessage.ts";
import { axesToInput } from "./axesToInput.ts";
import { upgradeBatchNormalization } from "./batchNormalization.ts";
import { upgradeClip } from "./clip.ts";
import { upgradeDropout } from "./dropout.ts";
import { writeOutGroupNormalization } from "./groupNormalization.ts";
import { upgradePad } from "./pad.ts";
import { upgradeQuantize } from "./quantize.ts";
import { upgradeResize } from "./resize.ts";
import { upgradeScatter } from "./scatter.ts";
import { upgradeSlice } from "./slice.ts";
import { upgradeSoftmax } from "./softmax.ts";
import { upgradeSplit } from "./split.ts";
import { upgradeTopK } from "./topK.ts";
import type { UpgradeContext, UpgradeRule } from "./upgradeRule.ts";

/** Oldest operator set that is read: since 7 operands broadcast as they do today, since 8 `Sum`, `Mean`, `Min` and `Max`, too. */
export const OPSET_MIN = 8;
/** Newest operator set that is read. */
export const OPSET_MAX = 21;
/** Operator set of every graph that is written; whatever was read is brought to its form. */
export const OPSET_WRITTEN = 20;

interface Change {
  /** First operator set with the newer form. */
  readonly since: number;
  readonly rule: UpgradeRule;
}

const changes: ReadonlyMap<string, Change> = new Map<string, Change>([
  ["BatchNormalization", { since: 14, rule: upgradeBatchNormalization }],
  ["Clip", { since: 11, rule: upgradeClip }],
  ["DequantizeLinear", { since: Number.POSITIVE_INFINITY, rule: upgradeQuantize }],
  ["Dropout", { since: 12, rule: upgradeDropout }],
  ["GroupNormalization", { since: Number.POSITIVE_INFINITY, rule: writeOutGroupNormalization }],
  ["LogSoftmax", { since: 13, rule: upgradeSoftmax }],
  ["Pad", { since: 11, rule: upgradePad }],
  ["QuantizeLinear", { since: Number.POSITIVE_INFINITY, rule: upgradeQuantize }],
  ["ReduceL1", { since: 18, rule: axesToInput }],
  ["ReduceL2", { since: 18, rule: axesToInput }],
  ["ReduceLogSum", { since: 18, rule: axesToInput }],
  ["ReduceLogSumExp", { since: 18, rule: axesToInput }],
  ["ReduceMax", { since: 18, rule: axesToInput }],
  ["ReduceMean", { since: 18, rule: axesToInput }],
  ["ReduceMin", { since: 18, rule: axesToInput }],
  ["ReduceProd", { since: 18, rule: axesToInput }],
  ["ReduceSum", { since: 13, rule: axesToInput }],
  ["ReduceSumSquare", { since: 18, rule: axesToInput }],
  ["Resize", { since: 11, rule: upgradeResize }],
  ["Scatter", { since: 11, rule: upgradeScatter }],
  ["Slice", { since: 10, rule: upgradeSlice }],
  ["Softmax", { since: 13, rule: upgradeSoftmax }],
  ["Split", { since: 18, rule: upgradeSplit }],
  ["Squeeze", { since: 13, rule: axesToInput }],
  ["TopK", { since: 10, rule: upgradeTopK }],
  ["Unsqueeze", { since: 13, rule: axesToInput }],
  ["Upsample", { since: 11, rule: upgradeResize }],
]);

/** Operators of which older operator sets have another form, in order. */
export const upgradedOperators: readonly string[] = [...changes.keys()];

/** The nodes of {@link OPSET_WRITTEN} that take the place of one; the node itself where nothing has changed. */
export function upgradeNode(context: UpgradeContext): readonly OnnxNode[] {
  const change = context.node.domain === "" ? changes.get(context.node.operator) : undefined;
  return change !== undefined && context.opset < change.since
    ? change.rule(context)
    : [context.node];
}
