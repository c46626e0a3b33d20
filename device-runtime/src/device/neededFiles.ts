// Which files the state speaks of; everything else may go. It must not touch a file.
import type { BlobRef } from "@attune/protocol";
import type { SlotVersion } from "../core/slots/slotState.ts";
import type { DeviceState } from "../core/state.ts";
import { fileNames } from "./files.ts";
import { neededParameters } from "./userSession.ts";

/** Names of the files that must stay. Journals are not among them: they are not this function's to judge. */
export function neededFiles(
  state: DeviceState,
  loaded: readonly SlotVersion[],
): ReadonlySet<string> {
  const needed = new Set<string>();
  const { slots, outbox } = state.kept;
  const preparations = [state.standby, state.shadow].filter((one) => one !== null);
  const versions = [
    slots.active,
    slots.previousGood,
    ...loaded,
    ...preparations.map(({ version }) => version),
  ];
  for (const version of versions) {
    if (version === null || version === undefined) continue;
    const { parts } = version;
    for (const digest of Object.values(parts)) needed.add(fileNames.blob(digest));
    needed.add(fileNames.serving(parts.graph, parts.learning));
  }
  const refs: BlobRef[] = [];
  for (const { source, record } of preparations) {
    if (source.kind === "delta") refs.push(source.shadow.delta);
    else refs.push(source.target.record);
    if (record !== null) refs.push(...Object.values(record.parts));
    if (record?.delta !== undefined) refs.push(record.delta.blob);
  }
  if (slots.decision !== null) {
    const { champion, rollout } = slots.decision.value;
    refs.push(champion.record);
    if (rollout !== undefined) refs.push(rollout.target.record);
  }
  for (const { digest } of refs) {
    needed.add(fileNames.blob(digest));
    needed.add(fileNames.partialBlob(digest));
  }
  for (const { digest } of outbox.entries) needed.add(fileNames.message(digest));
  for (const [user, one] of Object.entries(state.users)) {
    for (const digest of neededParameters(one)) needed.add(fileNames.parameters(user, digest));
    if (one.job !== null) needed.add(fileNames.checkpoint(user, one.job.jobIndex));
  }
  return needed;
}
