// Which ONNX operators a model may contain, and which of them training goes back through: the tables of the compiler as plain data.

import { gradientRules } from "../gradients/gradientRules.ts";
import { flatGradient } from "../gradients/steps.ts";
import { shapeRules } from "../graph/shapes/shapeRules.ts";
import { upgradedOperators } from "../graph/upgrade/upgradeNode.ts";
import { operatorNotes } from "./operatorNotes.ts";

/**
 * What training makes of an operator between what is trained and the loss. In front of what is trained every operator here may stand.
 *
 * - `yes`: its gradient goes back.
 * - `zero`: it is flat between its steps, so nothing goes back.
 * - `none`: it gives integers or truth values, or takes nothing that could learn.
 * - `refused`: training through it is refused by name.
 */
export type OperatorGradient = "yes" | "zero" | "none" | "refused";

/** One operator of the default domain. */
export interface SupportedOperator {
  readonly name: string;
  readonly gradient: OperatorGradient;
  /** Inputs or settings that are not supported, and how the gradient is meant where there is more than one; empty where all is as ONNX has it. */
  readonly note: string;
}

/** Operators that are taken apart or folded before anything is differentiated. */
const replaced: ReadonlySet<string> = new Set([
  "Constant",
  "GroupNormalization",
  "If",
  "Scatter",
  "Upsample",
]);

/** Operators whose results do not change with their inputs by small steps: integers, truth values, shapes. */
const discrete: ReadonlySet<string> = new Set([
  "And",
  "ArgMax",
  "ArgMin",
  "Constant",
  "ConstantOfShape",
  "Equal",
  "Greater",
  "GreaterOrEqual",
  "IsInf",
  "IsNaN",
  "Less",
  "LessOrEqual",
  "Not",
  "OneHot",
  "Or",
  "Range",
  "Shape",
  "Size",
  "Xor",
]);

/**
 * All operators that a model may contain, by name.
 *
 * @example
 * supportedOperators().find(({ name }) => name === "Relu"); // => { name: "Relu", gradient: "yes", note: "0 at 0" }
 */
export function supportedOperators(): readonly SupportedOperator[] {
  const names = new Set([...shapeRules.keys(), ...replaced, ...upgradedOperators]);
  return [...names].sort().map((name) => ({
    name,
    gradient: gradientOf(name),
    note: operatorNotes.get(name) ?? "",
  }));
}

function gradientOf(name: string): OperatorGradient {
  if (discrete.has(name)) return "none";
  const rule = gradientRules.get(name);
  if (rule === flatGradient) return "zero";
  return rule !== undefined || replaced.has(name) ? "yes" : "refused";
}
