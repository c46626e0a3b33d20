// The way of a version from deltas to the whole fleet, as five steps, and where on it the challenger is. Pure.
import type { LineSummary } from "../../src/state.ts";

/** One step of the way. */
export interface StageStep {
  readonly name: "Window" | "Gate" | "Signing" | "Canary" | "Fleet";
  readonly state: "done" | "now" | "ahead" | "asking" | "stopped";
  /** A few words or figures under its name. */
  readonly note: string;
}

const order = ["Window", "Gate", "Signing", "Canary", "Fleet"] as const;

type Stage = NonNullable<LineSummary["challenger"]>["stage"];

const stepOf: Readonly<Record<Stage, (typeof order)[number]>> = {
  preparing: "Gate",
  validating: "Gate",
  shadowing: "Gate",
  held: "Gate",
  approving: "Gate",
  signing: "Signing",
  canary: "Canary",
  spreading: "Fleet",
  halted: "Canary",
};

/** What the gate is at, in a word. */
const stageWords: Readonly<Record<Stage, string>> = {
  preparing: "being made",
  validating: "validating",
  shadowing: "in shadow",
  held: "held",
  approving: "asks a person",
  signing: "waits",
  canary: "watching",
  spreading: "spreading",
  halted: "halted",
};

/** The five steps of a line, now. */
export function stageSteps(line: LineSummary): readonly StageStep[] {
  const { challenger, window } = line;
  const current = challenger === null ? "Window" : stepOf[challenger.stage];
  const at = order.indexOf(current);
  return order.map((name, index): StageStep => {
    if (name === "Window") {
      return {
        name,
        state: challenger === null ? "now" : "done",
        note:
          challenger?.source === "imported"
            ? "imported"
            : challenger === null
              ? `${window.contributionCount} of ${window.quorum}`
              : `${challenger.version?.contributionCount ?? window.quorum} deltas`,
      };
    }
    if (challenger === null || index > at) return { name, state: "ahead", note: "" };
    if (index < at) return { name, state: "done", note: "passed" };
    const { rollout, stage } = challenger;
    const isAsking = stage === "held" || stage === "approving";
    const note =
      rollout === null || stage === "halted"
        ? stageWords[stage]
        : `${rollout.activated} of ${rollout.selectedDevices.length} serve it`;
    return { name, state: stage === "halted" ? "stopped" : isAsking ? "asking" : "now", note };
  });
}
