// What a device does or waits for, in one line that a person reads. It must not decide anything.
import { type DeviceState } from "./state.ts";

/**
 * One line on what goes on, most pressing first. It holds no counters that change by themselves, so that it does not make a
 * report of its own every minute.
 */
export function stateLine(state: DeviceState): string {
  const lines: string[] = [];
  const { slots, comparison } = state.kept;
  const { standby, shadow } = state;
  if (standby !== null) {
    const what = standby.source.kind === "release" ? standby.source.target.version : "";
    lines.push(
      standby.isRunning
        ? `preparing ${what.slice(0, 8)}: ${standby.phase}`
        : `waiting for ${what.slice(0, 8)}: ${standby.waiting}`,
    );
  }
  if (slots.bake !== null) lines.push(`baking ${slots.active.version.slice(0, 8)}`);
  if (shadow?.phase === "refused") lines.push(`cannot compare: ${shadow.refusal?.code ?? ""}`);
  if (comparison.current !== null && comparison.current.phase !== "full") {
    lines.push(`comparing ${comparison.current.challenger.slice(0, 8)}`);
  }
  const users = Object.values(state.users);
  const training = users.filter(({ job }) => job !== null).length;
  if (training > 0) lines.push(`training for ${training} of ${users.length} users`);
  const challenged = users.filter(({ challenger }) => challenger !== null).length;
  if (challenged > 0)
    lines.push(`testing ${challenged} ${challenged === 1 ? "challenger" : "challengers"}`);
  return lines.length === 0 ? "serving" : lines.join("; ");
}
