// The living fleet: brings up every part, lets people live, shows what happens, examines, checks, and takes everything down.
// It must not decide anything that the hub or a device decides.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSystemClock } from "@attune/device-runtime";
import { loadNodeOrt } from "@attune/device-runtime/node";
import { Fault } from "@attune/protocol";
import { createPopulation } from "../people/population.ts";
import { LINE, makeValidationSet } from "./activityPackage.ts";
import { type ClosingRow, closingRows } from "./closingTable.ts";
import { direct } from "./direct.ts";
import { dressPeople } from "./dressPeople.ts";
import { type ExamResult, examine } from "./exam.ts";
import { fleetLine } from "./fleetLine.ts";
import { DELEGATION_NORM_MAX, linePolicyOf, populationOf, SIGNER_EVERY_MS } from "./fleetRules.ts";
import { foundHub, untilState } from "./foundHub.ts";
import { gatherEnd, untilQuiet } from "./gatherEnd.ts";
import { orderPackage } from "./orderPackage.ts";
import { createPacedClock } from "./pacedClock.ts";
import { checkPromises, type EndFacts, type PromiseCheck } from "./promises.ts";
import type { Screen } from "./screen.ts";
import { auditLine, deviceLine } from "./screenLine.ts";
import type { StartOptions } from "./startOptions.ts";
import type { Story } from "./story.ts";
import type { Wearable } from "./wearable.ts";

/** What a living fleet is run with. */
export interface LivingFleetParts {
  readonly options: Pick<StartOptions, "deviceCount" | "seed" | "speed" | "isGuarded">;
  /** Makes the screen, which asks for the story's time. */
  readonly createScreen: (storyMs: () => number | null) => Screen;
  /** Ends everything; its reason is what {@link runLivingFleet} rejects with. */
  readonly signal: AbortSignal;
  /** Called with the end while everything still runs; what it returns is waited for. */
  readonly onEnd: (end: LivingFleetEnd) => Promise<void>;
}

/** How a living fleet has ended. */
export interface LivingFleetEnd {
  readonly story: Story;
  readonly rows: readonly ClosingRow[];
  readonly promises: readonly PromiseCheck[];
  readonly facts: EndFacts;
  /** Windows that nobody was shown because the machine could not keep up with the clock. */
  readonly skippedWindows: number;
  readonly pageUrl: string;
}

/** How often the fleet's own line is shown, in real milliseconds. */
const FLEET_LINE_EVERY_MS = 6000;

/** Runs a whole story, and takes everything down. @throws Fault of the part that failed, or the signal's reason */
export async function runLivingFleet(parts: LivingFleetParts): Promise<void> {
  const controller = new AbortController();
  const closing: (() => Promise<unknown>)[] = [];
  try {
    await tell(parts, controller, closing);
  } catch (error) {
    // What stopped everything is the reason, not what was cut off by it.
    throw parts.signal.aborted ? parts.signal.reason : (controller.signal.reason ?? error);
  } finally {
    controller.abort(new Fault("the story is over", { code: "fleet.over", hint: "" }));
    for (const close of closing.reverse()) await close();
  }
}

async function tell(
  { options, createScreen, signal: stopping, onEnd }: LivingFleetParts,
  controller: AbortController,
  closing: (() => Promise<unknown>)[],
): Promise<void> {
  const { seed, speed, deviceCount, isGuarded } = options;
  const signal = AbortSignal.any([stopping, controller.signal]);
  const fail = (error: unknown): void => {
    controller.abort(error);
  };
  const folder = await mkdtemp(join(tmpdir(), "attune-living-fleet-"));
  closing.push(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }));

  let wearables: readonly Wearable[] = [];
  const clock = createPacedClock({
    base: createSystemClock(),
    speed,
    isBehind: () =>
      wearables.reduce((sum, wearable) => sum + wearable.waitingCount(), 0) > deviceCount,
  });
  closing.push(async () => clock.stop());
  let startedAtMs: number | null = null;
  const screen = createScreen(() => (startedAtMs === null ? null : clock.nowMs() - startedAtMs));
  screen.heading(
    "A model, a hub, a signer",
    "A small convolutional network learns six activities from generated people. Its package is what every wearable starts with.",
  );
  const order = { seed, isGuarded };
  const lopsided = orderPackage({ ...order, kind: "lopsided" }, signal);
  lopsided.catch(fail);
  const shared = orderPackage({ ...order, kind: "shared" }, signal, (share, loss) => {
    screen.progress(`training the shared model, loss ${loss.toFixed(2)}`, share);
  });
  shared.catch(fail);
  const founded = await foundHub({
    folder,
    clock,
    fleet: "living-fleet",
    line: LINE,
    policy: linePolicyOf(deviceCount, isGuarded),
    delegationNormMax: DELEGATION_NORM_MAX,
    signerEveryMs: SIGNER_EVERY_MS,
    onLost: fail,
    signal,
  });
  closing.push(() => founded.close());
  screen.text(`       The page: ${founded.pageUrl}`);
  const stopAudit = founded.hub.onAudit((row) => {
    const line = auditLine(row);
    if (line !== null) screen.line(line);
  });
  const firstPackage = await shared;
  await founded.release(makeValidationSet(seed), firstPackage);

  const runtime = await loadNodeOrt();
  const dressed = await dressPeople({
    people: createPopulation(populationOf(seed, deviceCount)),
    seed,
    mqttUrl: founded.mqttUrl,
    enrolmentToken: await founded.enrolmentToken(deviceCount),
    modelPackage: firstPackage,
    clock,
    runtime,
    onNews: (id, news) => {
      // Errors are what everybody understands; label-free alarms count in the fleet's line, and are in inspect().
      if (news.name === "alarm" && news.event.kind !== "errorRate") return;
      if (news.name !== "activated") screen.line(deviceLine(id, news));
    },
    onFault: fail,
  });
  closing.push(() => dressed.close());
  ({ wearables } = dressed);
  await untilState(
    founded.hub,
    signal,
    ({ devices }) =>
      devices.connected === deviceCount && devices.shown.every(({ active }) => active !== null),
  );

  screen.heading(
    `${deviceCount} people put on their wearables`,
    "Devices predict and hear the truth about one answer in three. Half of the people change within a quarter of an hour, and some wear it where the model has never been.",
  );
  startedAtMs = clock.nowMs();
  for (const wearable of wearables) wearable.start(0);
  const fleetLines = setInterval(() => {
    screen.line(fleetLine(wearables, founded.hub.state()));
  }, FLEET_LINE_EVERY_MS);
  closing.push(async () => clearInterval(fleetLines));
  const story = await direct({
    founded,
    clock,
    startedAtMs,
    lopsided,
    signal,
    onImport: () => {
      screen.heading(
        "A release from elsewhere",
        "Trained on twice as many people, none of whom wears it on the left wrist. Nor does anybody in the hub's validation set: the gate cannot see what is missing. People can, once it answers them.",
      );
    },
  });
  clearInterval(fleetLines);
  stopAudit();
  for (const wearable of wearables) await wearable.stop();
  const facts = await gatherEnd(await untilQuiet(wearables, founded, signal), founded);
  screen.line(fleetLine(wearables, founded.hub.state()));
  const endedAtMs = clock.nowMs() - startedAtMs;

  screen.heading(
    "Closing exam",
    "What people do in the hours that follow, unseen by anybody: answered by the first shared version, and by whatever each device answers with now.",
  );
  const exams = await examine(wearables, firstPackage, runtime, endedAtMs, (share) => {
    signal.throwIfAborted();
    screen.progress("examining", share);
  });
  const end: LivingFleetEnd = {
    story,
    rows: closingRows(
      wearables.map((wearable) => {
        const { adopted, dropped, reverted, bytesSent } = wearable.tally();
        return {
          id: wearable.id,
          position: wearable.person.position,
          change: wearable.person.changes[0]?.kind ?? null,
          exam: exams.get(wearable.id) as ExamResult,
          adopted,
          dropped,
          reverted,
          bytesSent,
        };
      }),
    ),
    promises: checkPromises(facts),
    facts,
    skippedWindows: wearables.reduce((sum, wearable) => sum + wearable.tally().skipped, 0),
    pageUrl: founded.pageUrl,
  };
  screen.text("");
  await onEnd(end);
  signal.throwIfAborted();
}
