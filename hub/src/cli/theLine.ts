// Which model line a command means when nobody says: the only one, or a question back.
import type { HubState, LineSummary } from "../state.ts";
import { CommandError, exitCodes } from "./exitCodes.ts";
import type { HubClient } from "./hubClient.ts";

/** The state of the hub and of the one line that is meant. */
export async function theLine(
  hub: HubClient,
  named: string | undefined,
): Promise<{ readonly state: HubState; readonly line: LineSummary }> {
  const state = await hub.json<HubState>("GET", "/api/state");
  const names = state.lines.map(({ line }) => line);
  const found =
    named === undefined && state.lines.length === 1
      ? state.lines[0]
      : state.lines.find(({ line }) => line === named);
  if (found !== undefined) return { state, line: found };
  if (names.length === 0) {
    throw new CommandError(
      exitCodes.refused,
      "operator.state_conflict",
      "the hub has no model line yet",
      "bring the first version with: attune model add PACKAGE --line NAME",
    );
  }
  throw new CommandError(
    exitCodes.usage,
    "operator.request_invalid",
    named === undefined ? "the hub has several model lines" : `the hub has no line ${named}`,
    `choose with --line: ${names.join(", ")}`,
  );
}
