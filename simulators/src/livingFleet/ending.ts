// What is printed when the story is over: table, what became of the versions, promises. Pure; it only words what it is given.
import { renderClosingRows } from "./closingTable.ts";
import type { Ink } from "./ink.ts";
import type { LivingFleetEnd } from "./livingFleet.ts";
import { formatStoryTime } from "./screen.ts";

const short = (version: string): string => `activity@${version.slice(0, 8)}`;

/** Words the end. */
export function endingText(
  { story, rows, promises, skippedWindows }: LivingFleetEnd,
  speed: number,
  ink: Ink,
): string {
  const lines = [ink.bold("How people fare"), renderClosingRows(rows), "", ink.bold("Versions")];
  for (const version of story.promoted) {
    if (version !== story.imported)
      lines.push(`  ${short(version)}, learned by the fleet: promoted`);
  }
  for (const version of [...story.rolledBack, ...story.rejected]) {
    if (version === story.imported) continue;
    const what = story.rolledBack.includes(version) ? "rolled back" : "rejected by the gate";
    lines.push(`  ${short(version)}, learned by the fleet: ${what}`);
  }
  lines.push(`  ${importText(story, speed)}`, "", ink.bold("Promises"));
  for (const { promise, broken } of promises) {
    lines.push(
      broken.length === 0
        ? `  ${ink.tone("good", "held")}    ${promise}`
        : `  ${ink.tone("bad", "BROKEN")}  ${promise}: ${broken.slice(0, 5).join("; ")}`,
    );
  }
  if (skippedWindows > 0) {
    lines.push(
      `  ${ink.dim(`${skippedWindows} windows were skipped because this machine could not keep up; try a lower --speed`)}`,
    );
  }
  return lines.join("\n");
}

function importText(story: LivingFleetEnd["story"], speed: number): string {
  const { imported, importOutcome, canaryAtMs, outcomeAtMs, rollbackReason } = story;
  if (imported === null) return "the release without left wrists was never imported";
  const name = `${short(imported)}, without left wrists`;
  switch (importOutcome) {
    case null:
      return `${name}: still on its way when the story ended`;
    case "rejected":
      return `${name}: rejected by the gate`;
    case "promoted":
      return `${name}: promoted to the whole fleet at ${formatStoryTime(outcomeAtMs ?? 0)}`;
    case "rolledBack": {
      const tookMs = (outcomeAtMs ?? 0) - (canaryAtMs ?? 0);
      const minutes = (tookMs / 60_000).toFixed(1);
      const seconds = (tookMs / speed / 1000).toFixed(1);
      return `${name}: rolled back by itself ${minutes} minutes after the first canary (${seconds} s here): ${rollbackReason}`;
    }
  }
}
