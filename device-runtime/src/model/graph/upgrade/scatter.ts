// `Scatter`, which operator set 11 named `ScatterElements`.
import type { UpgradeRule } from "./upgradeRule.ts";

/** The same node under its newer name. */
export const upgradeScatter: UpgradeRule = ({ node }) => [{ ...node, operator: "ScatterElements" }];
