// What the story's director does and when: one import, and the end. Everything else happens by itself. Pure; it must not act.
import type { AuditRow } from "@attune/hub";
import { END_AT_MS, IMPORT_AT_MS, SETTLE_MS } from "./fleetRules.ts";

/** What became of the imported release. */
export type ImportOutcome = "promoted" | "rolledBack" | "rejected";

/** Where the story is. Times are virtual ms since its start. */
export interface Story {
  /** A version has left its canaries for the whole fleet: what comes next may be brought. */
  readonly hasGrown: boolean;
  /** Versions that became champion by a rollout, in order. */
  readonly promoted: readonly string[];
  readonly rolledBack: readonly string[];
  readonly rejected: readonly string[];
  readonly isImportOrdered: boolean;
  /** The imported version, from its audit row. */
  readonly imported: string | null;
  readonly importOutcome: ImportOutcome | null;
  /** When canaries were told to serve the imported version, and when that was ended. */
  readonly canaryAtMs: number | null;
  readonly outcomeAtMs: number | null;
  readonly rollbackReason: string;
  readonly endsAtMs: number;
  readonly isOver: boolean;
}

/** Something that the director hears of. */
export type StoryEvent =
  | { readonly type: "audited"; readonly row: AuditRow; readonly atMs: number }
  | { readonly type: "timePassed"; readonly atMs: number };

/** What the director does next. */
export type StoryAct = "import" | "end";

/** A story that has not begun. */
export const openingStory: Story = {
  hasGrown: false,
  promoted: [],
  rolledBack: [],
  rejected: [],
  isImportOrdered: false,
  imported: null,
  importOutcome: null,
  canaryAtMs: null,
  outcomeAtMs: null,
  rollbackReason: "",
  endsAtMs: END_AT_MS,
  isOver: false,
};

/** Takes in what has happened: where the story is now, and what to do. */
export function stepStory(
  story: Story,
  event: StoryEvent,
): { readonly story: Story; readonly acts: readonly StoryAct[] } {
  let next = event.type === "audited" ? hear(story, event.row, event.atMs) : story;
  const acts: StoryAct[] = [];
  if (!next.isImportOrdered && (next.hasGrown || event.atMs >= IMPORT_AT_MS)) {
    next = { ...next, isImportOrdered: true };
    acts.push("import");
  }
  if (!next.isOver && event.atMs >= next.endsAtMs) {
    next = { ...next, isOver: true };
    acts.push("end");
  }
  return { story: next, acts };
}

function hear(story: Story, row: AuditRow, atMs: number): Story {
  const { subject, action } = row;
  const isImported = subject === story.imported;
  const ended = (outcome: ImportOutcome): Partial<Story> =>
    isImported
      ? {
          importOutcome: outcome,
          outcomeAtMs: atMs,
          endsAtMs: Math.min(END_AT_MS, atMs + SETTLE_MS),
        }
      : {};
  switch (action) {
    case "model.imported":
      return story.isImportOrdered ? { ...story, imported: subject } : story;
    case "rollout.started":
      return isImported ? { ...story, canaryAtMs: atMs } : story;
    case "rollout.grown":
      return { ...story, hasGrown: true };
    case "rollout.promoted":
      return { ...story, promoted: [...story.promoted, subject], ...ended("promoted") };
    case "rollout.rolledBack":
      return {
        ...story,
        rolledBack: [...story.rolledBack, subject],
        ...(isImported ? { rollbackReason: row.reason } : {}),
        ...ended("rolledBack"),
      };
    case "gate.verdict":
      return row.detail["verdict"] === "reject"
        ? { ...story, rejected: [...story.rejected, subject], ...ended("rejected") }
        : story;
    default:
      return story;
  }
}
