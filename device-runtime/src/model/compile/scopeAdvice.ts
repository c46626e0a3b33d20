// What a refusal says of other scopes: those under which the same plan compiles, found by trying, not by guessing.
import type { Outcome } from "@attune/protocol";
import type { ParameterScope } from "../parameters/parameterScope.ts";

/**
 * Adds to a refusal of an operator which scopes avoid it.
 *
 * - Cost: a few compilations, only where something was refused: of `lastLayers` the largest is found by doubling and halving.
 *
 * @param compiles whether the plan compiles with another scope; a scope that reaches less far back must not fail where one that reaches
 *   farther does not
 */
export function withScopeAdvice<T>(
  outcome: Outcome<T>,
  compiles: (scope: ParameterScope) => boolean,
): Outcome<T> {
  if (outcome.ok || outcome.refusal.code !== "model.operator_unsupported") return outcome;
  const scopes = workingScopes(compiles);
  const advice =
    scopes.length === 0
      ? "no scope of this model avoids it"
      : `scopes that avoid it: ${scopes.map((scope) => JSON.stringify(scope)).join(", ")}`;
  const { code, message } = outcome.refusal;
  return { ok: false, refusal: { code, message: `${message}; ${advice}` } };
}

/** The widest scopes that compile. */
function workingScopes(compiles: (scope: ParameterScope) => boolean): ParameterScope[] {
  const scopes: ParameterScope[] = (["bias", "norm"] as const).filter(compiles);
  if (!compiles("head")) return scopes;
  const reaches = (lastLayers: number): boolean => compiles({ lastLayers });
  let works = 1;
  while (reaches(2 * works)) works *= 2;
  let fails = 2 * works;
  while (fails - works > 1) {
    const middle = Math.floor((works + fails) / 2);
    if (reaches(middle)) works = middle;
    else fails = middle;
  }
  return ["head", ...(works > 1 ? [{ lastLayers: works }] : []), ...scopes];
}
