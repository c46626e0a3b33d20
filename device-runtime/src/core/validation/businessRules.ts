// What answers must never look like, whatever any statistic says: rules declared as data. It must not decide what follows.
import { Defect } from "@attune/protocol";

/** One rule about the sequence of answers; plain data. Labels are the package's. */
export type BusinessRule =
  /** Nobody does this for more than so many windows in a row. */
  | {
      readonly kind: "duration";
      readonly name: string;
      readonly label: string;
      readonly windowsMax: number;
    }
  /** Of the last `windows` answers at most, and at least, such a share is this. */
  | {
      readonly kind: "rate";
      readonly name: string;
      readonly label: string;
      readonly windows: number;
      readonly shareMin: number;
      readonly shareMax: number;
    }
  /** Nobody goes from this to that at once. */
  | {
      readonly kind: "transition";
      readonly name: string;
      readonly from: string;
      readonly to: string;
    };

/** A rule was broken. */
export interface Violation {
  /** Name of the rule. */
  readonly rule: string;
  /** What was seen, and the limit. */
  readonly message: string;
}

/** All that is remembered; plain data. */
export interface BusinessRulesState {
  readonly version: 1;
  /** Fingerprints of the labels that the answers are of, and of the rules that were counted. */
  readonly labels: number;
  readonly rules: number;
  /** The last answers, oldest first, class numbers. */
  readonly recent: Uint16Array;
  /** How long the present answer has lasted. */
  readonly run: number;
  /** Rules that are broken now, by place: each is told once until it holds again. */
  readonly broken: readonly boolean[];
  /** Times that each rule was broken, by place. */
  readonly counts: readonly number[];
}

/** Watches one user's answers. One owner. */
export interface BusinessRules {
  /**
   * Takes in one answer.
   *
   * - O(rules); allocates nothing while rules hold.
   *
   * @param answered class number
   * @throws {@link Defect} `validation.answer_invalid` for a number that no label has
   * @returns rules that this answer broke, or null. A rule that stays broken is told once
   */
  observe(answered: number): readonly Violation[] | null;
  /** Name of each rule, and how often it was broken. */
  report(): readonly {
    readonly rule: string;
    readonly count: number;
    readonly isBroken: boolean;
  }[];
  state(): BusinessRulesState;
}

/** Rules of one package. */
export const businessRulesMax = 64;
/** Answers that a rate is taken over: 4,096 windows of 1.28 s are an hour and a half, 8 KB a user. */
export const rateWindowsMax = 4096;

/**
 * Creates the watch over one user's answers, or goes on from a state.
 *
 * - State: two bytes for each answer of the longest rate.
 *
 * @param rules ones that `checkBusinessRules` accepts
 * @param earlier from {@link BusinessRules.state}; one of other rules keeps its answers and counts anew, one of other labels, or that is not
 *   sound, is left aside
 * @example
 * const rules = createBusinessRules([{ kind: "duration", name: "no endless stairs", label: "stairs", windowsMax: 2 }], ["rest", "stairs"]);
 * [1, 1, 1, 1].map((answered) => rules.observe(answered)?.length ?? 0); // => [0, 0, 1, 0]
 */
export function createBusinessRules(
  rules: readonly BusinessRule[],
  labels: readonly string[],
  earlier?: BusinessRulesState,
): BusinessRules {
  const ofLabels = fingerprintOf(labels);
  const ofRules = fingerprintOf(rules.map(fieldsOf));
  const state = earlier !== undefined && isSound(earlier, ofLabels) ? earlier : undefined;
  const capacity = rules.reduce(
    (longest, rule) => (rule.kind === "rate" ? Math.max(longest, rule.windows) : longest),
    1,
  );
  // A ring; its newest answer is before `next`.
  const ring = new Uint16Array(capacity);
  const kept = state?.recent.subarray(Math.max(0, state.recent.length - capacity));
  ring.set(kept ?? []);
  let count = kept?.length ?? 0;
  let next = count % capacity;
  let run = state?.run ?? 0;
  const isSameRules = state?.rules === ofRules && state.counts.length === rules.length;
  const broken = rules.map((_, place) => isSameRules && state.broken[place] === true);
  const counts = rules.map((_, place) => (isSameRules ? (state.counts[place] ?? 0) : 0));
  const watched = rules.map((rule) => ({
    rule,
    label: labels.indexOf(rule.kind === "transition" ? rule.to : rule.label),
    from: rule.kind === "transition" ? labels.indexOf(rule.from) : -1,
    // Of the last `windows` answers this label's; kept up to date, so that a rate costs nothing to look at.
    hits: 0,
  }));
  const at = (age: number): number => ring[(next - 1 - age + 2 * capacity) % capacity] as number;
  for (const one of watched) {
    const windows = one.rule.kind === "rate" ? Math.min(one.rule.windows, count) : 0;
    for (let age = 0; age < windows; age++) if (at(age) === one.label) one.hits += 1;
  }

  /** What is wrong after the answer that came last, or null. */
  function look(one: (typeof watched)[number], answered: number, before: number): string | null {
    const { rule, label, from, hits } = one;
    switch (rule.kind) {
      case "duration":
        return answered === label && run > rule.windowsMax
          ? `${rule.label} has lasted ${run} windows, limit ${rule.windowsMax}`
          : null;
      case "rate": {
        // Not before there are as many answers as the rule is about.
        if (count < rule.windows) return null;
        const share = hits / rule.windows;
        return share > rule.shareMax || share < rule.shareMin
          ? `${hits} of the last ${rule.windows} answers are ${rule.label}, allowed are ${rule.shareMin} to ${rule.shareMax} of them`
          : null;
      }
      case "transition":
        return answered === label && before === from
          ? `${rule.to} came at once after ${rule.from}`
          : null;
    }
  }

  return {
    observe(answered) {
      if (!(Number.isInteger(answered) && answered >= 0 && answered < labels.length)) {
        throw new Defect(
          "validation.answer_invalid",
          `the answer is ${answered}, the rules are about ${labels.length} labels`,
        );
      }
      const before = count > 0 ? at(0) : -1;
      for (let place = 0; place < watched.length; place++) {
        const one = watched[place] as (typeof watched)[number];
        if (one.rule.kind !== "rate") continue;
        const { windows } = one.rule;
        if (count >= windows && at(windows - 1) === one.label) one.hits -= 1;
        if (answered === one.label) one.hits += 1;
      }
      run = answered === before ? run + 1 : 1;
      ring[next] = answered;
      next = (next + 1) % capacity;
      count = Math.min(capacity, count + 1);
      let violations: Violation[] | null = null;
      for (let place = 0; place < watched.length; place++) {
        const one = watched[place] as (typeof watched)[number];
        const message = look(one, answered, before);
        const isNew = message !== null && !broken[place];
        broken[place] = message !== null;
        if (!isNew) continue;
        counts[place] = (counts[place] as number) + 1;
        violations ??= [];
        violations.push({ rule: one.rule.name, message });
      }
      return violations;
    },
    report: () =>
      rules.map(({ name }, place) => ({
        rule: name,
        count: counts[place] as number,
        isBroken: broken[place] === true,
      })),
    state: () => ({
      version: 1,
      labels: ofLabels,
      rules: ofRules,
      recent: Uint16Array.from({ length: count }, (_, place) => at(count - 1 - place)),
      run,
      broken: [...broken],
      counts: [...counts],
    }),
  };
}

/** Whether a state can be gone on from: from a version that is known, about these labels, with answers that they have. */
function isSound(
  { version, labels, recent, run, broken, counts }: BusinessRulesState,
  ofLabels: number,
): boolean {
  return (
    version === 1 &&
    labels === ofLabels &&
    recent instanceof Uint16Array &&
    isCount(run) &&
    Array.isArray(broken) &&
    Array.isArray(counts) &&
    counts.every(isCount)
  );
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** All that a rule says, in one order. */
function fieldsOf(rule: BusinessRule): readonly (string | number)[] {
  const { kind, name } = rule;
  switch (rule.kind) {
    case "duration":
      return [kind, name, rule.label, rule.windowsMax];
    case "rate":
      return [kind, name, rule.label, rule.windows, rule.shareMin, rule.shareMax];
    case "transition":
      return [kind, name, rule.from, rule.to];
  }
}

/** 32 bits by which one list is told from another by mistake, not by design: FNV-1a over its text. */
function fingerprintOf(list: readonly unknown[]): number {
  let fingerprint = 0x811c9dc5;
  for (const character of JSON.stringify(list)) {
    fingerprint = Math.imul(fingerprint ^ (character.codePointAt(0) as number), 0x01000193);
  }
  return fingerprint >>> 0;
}
