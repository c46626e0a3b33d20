// How a part of a plan is checked. Plans may come out of a package, so what is out of range is turned away, not asserted.
import { turnAway } from "../turnAway.ts";

/** In `[0, 1)`. */
export const isShare = (value: number): boolean => value >= 0 && value < 1;

/** `>= 0`. */
export const isNotNegative = (value: number): boolean => value >= 0;

/** `> 0`. */
export const isPositive = (value: number): boolean => value > 0;

/** The number given, or its default where it is left out; turned away when it is not finite or out of range. */
export function setting(
  name: string,
  value: number | undefined,
  fallback: number,
  isFine: (value: number) => boolean,
  range: string,
): number {
  const chosen = value === undefined ? fallback : value;
  if (!Number.isFinite(chosen) || !isFine(chosen)) {
    turnAway("model.plan_invalid", `${name} is ${textOf(chosen)}, must be ${range}`);
  }
  return chosen;
}

/** True or false as given, false where it is left out. */
export function flag(name: string, value: boolean | undefined): boolean {
  if (value === undefined || typeof value === "boolean") return value ?? false;
  return turnAway("model.plan_invalid", `${name} is ${textOf(value)}, must be true or false`);
}

/** Turns away what is no object with these keys and no others: a setting that is misspelt would be a setting left out. */
export function checkKeys(name: string, value: unknown, keys: readonly string[]): void {
  if (!isRecord(value)) {
    turnAway(
      "model.plan_invalid",
      `${name} is ${textOf(value)}, must be an object of ${keys.join(", ")}`,
    );
  }
  const unknown = Object.keys(value).find((key) => !keys.includes(key));
  if (unknown !== undefined) {
    turnAway(
      "model.plan_invalid",
      `${name} has ${JSON.stringify(unknown)}, which is no setting of it; it takes ${keys.join(", ")}`,
    );
  }
}

/** Turns away what is no list of texts. */
export function checkTexts(name: string, value: unknown): void {
  if (Array.isArray(value) && value.every((one) => typeof one === "string")) return;
  turnAway("model.plan_invalid", `${name} is ${textOf(value)}, must be a list of names`);
}

/** Whether a value is an object with keys. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A value of any kind as messages show it. */
export function textOf(value: unknown): string {
  return typeof value === "number" ? String(value) : (JSON.stringify(value) ?? String(value));
}
