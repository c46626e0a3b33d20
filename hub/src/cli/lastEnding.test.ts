import { expect, it } from "vitest";
import type { AuditRow } from "../core/audit/auditChain.ts";
import { lastEnding } from "./lastEnding.ts";

const row = (
  sequence: number,
  action: string,
  line: string | null = "activity",
  detail: AuditRow["detail"] = {},
): AuditRow => ({ sequence, action, line, detail }) as AuditRow;

it("is the newest row that ended a challenger of this line, whatever the order", () => {
  const rows = [
    row(7, "decision.made"),
    row(6, "gate.verdict", "falls", { verdict: "reject" }),
    row(2, "rollout.promoted"),
    row(5, "gate.verdict", "activity", { verdict: "promote" }),
    row(4, "gate.verdict", "activity", { verdict: "reject" }),
    row(3, "rollout.started"),
  ];
  expect(lastEnding(rows, "activity")?.sequence).toBe(4);
  expect(lastEnding([...rows].reverse(), "activity")?.sequence).toBe(4);
  expect(lastEnding(rows, "falls")?.sequence).toBe(6);
});

it("is nothing while nothing has ended", () => {
  expect(lastEnding([row(1, "window.closed"), row(2, "rollout.started")], "activity")).toBeNull();
});
