// The director imports once, at the right time, and always comes to an end.
import type { AuditRow } from "@attune/hub";
import type { Digest } from "@attune/protocol";
import { expect, it } from "vitest";
import { END_AT_MS, IMPORT_AT_MS, SETTLE_MS } from "./fleetRules.ts";
import { openingStory, type Story, type StoryAct, stepStory } from "./story.ts";

const row = (action: string, subject: string, detail: Record<string, unknown> = {}): AuditRow => ({
  sequence: 1,
  atMs: 0,
  actor: "hub",
  action,
  line: "activity",
  subject,
  reason: `why ${subject}`,
  detail,
  previous: "" as Digest,
  hash: "" as Digest,
});

function play(events: readonly (readonly [number, AuditRow | null])[]): {
  story: Story;
  acts: readonly (readonly [number, StoryAct])[];
} {
  let story = openingStory;
  const acts: (readonly [number, StoryAct])[] = [];
  for (const [atMs, heard] of events) {
    const step = stepStory(
      story,
      heard === null ? { type: "timePassed", atMs } : { type: "audited", row: heard, atMs },
    );
    story = step.story;
    for (const act of step.acts) acts.push([atMs, act]);
  }
  return { story, acts };
}

it("[LF2] imports once, when a candidate spreads", () => {
  const { acts } = play([
    [10, row("rollout.started", "a")],
    [20, row("rollout.grown", "a")],
    [30, row("rollout.promoted", "a")],
    [40, null],
  ]);
  expect(acts).toEqual([[20, "import"]]);
});

it("[LF2] imports at its time when nothing has spread", () => {
  const { acts } = play([
    [IMPORT_AT_MS - 1, null],
    [IMPORT_AT_MS, null],
    [IMPORT_AT_MS + 1, null],
  ]);
  expect(acts).toEqual([[IMPORT_AT_MS, "import"]]);
});

it("[LF2] ends some time after what became of the import", () => {
  const { story, acts } = play([
    [20, row("rollout.grown", "a")],
    [21, row("model.imported", "b")],
    [30, row("rollout.promoted", "a")],
    [100, row("rollout.started", "b")],
    [400, row("rollout.rolledBack", "b")],
    [400 + SETTLE_MS - 1, null],
    [400 + SETTLE_MS, null],
    [400 + SETTLE_MS + 1, null],
  ]);
  expect(acts).toEqual([
    [20, "import"],
    [400 + SETTLE_MS, "end"],
  ]);
  expect(story).toMatchObject({
    promoted: ["a"],
    imported: "b",
    importOutcome: "rolledBack",
    canaryAtMs: 100,
    outcomeAtMs: 400,
    rollbackReason: "why b",
  });
});

it("[LF2] ends at its time whatever has not come", () => {
  expect(play([[END_AT_MS, null]]).acts).toEqual([
    [END_AT_MS, "import"],
    [END_AT_MS, "end"],
  ]);
});

it.each([
  ["rollout.promoted", {}, "promoted"],
  ["gate.verdict", { verdict: "reject" }, "rejected"],
  ["gate.verdict", { verdict: "hold" }, null],
])("[LF2] an import that meets %s %j has come to: %s", (action, detail, outcome) => {
  const { story } = play([
    [20, row("rollout.grown", "a")],
    [21, row("model.imported", "b")],
    [50, row(action, "b", detail)],
  ]);
  expect(story.importOutcome).toBe(outcome);
});

it("[LF2] the first version is no import", () => {
  expect(play([[1, row("model.imported", "first")]]).story.imported).toBe(null);
});
