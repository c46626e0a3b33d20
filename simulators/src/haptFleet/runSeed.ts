// One run of the experiment from one seed: shared model, hub, nine devices on the broker, and beside them the same people with a guard
// that adopts everything and one that adopts nothing. It must not print.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import {
  type CompiledServing,
  compileServing,
  createEvaluator,
  encodeModelPackage,
  modelOf,
  type OrtRuntime,
  versionOf,
} from "@attune/device-runtime/model";
import { createManualClock, createSeededRandom } from "@attune/device-runtime/testing";
import type { LinePolicyInput, VersionDetail } from "@attune/hub";
import { decodeParameters, type ParameterSet, unwrap } from "@attune/protocol";
import { nodeCryptography } from "@attune/protocol/node";
import type { ClassifierRecipe } from "../activityModel/trainClassifier.ts";
import type { HaptPerson, HarHapt } from "../data/loadHarHapt.ts";
import { linearFloor } from "../hapt/linearFloor.ts";
import { splitPeople } from "../hapt/peopleSplit.ts";
import { createTimeline, type TimelineWindow, windowsOf } from "../hapt/timeline.ts";
import { type FoundedHub, foundHub } from "../livingFleet/foundHub.ts";
import { activities } from "../people/activity.ts";
import {
  type FleetMember,
  type MemberAnswer,
  type MemberPlan,
  type MemberRecord,
  type MemberStep,
  openMember,
  shareAmongMembers,
} from "./fleetMember.ts";
import { joinedWindows, makeHaptPackages, makeValidationSet, memberId } from "./haptPackage.ts";
import {
  DELEGATION_NORM_MAX,
  type GuardRule,
  LINE,
  type SharedModelName,
  SIGNER_EVERY_MS,
  START_MS,
} from "./haptRules.ts";
import { createPersonScorer, type PersonRow, type ScoredAnswers } from "./personRows.ts";
import { openProcessMember } from "./processMember.ts";
import { createVirtualFleet } from "./virtualFleet.ts";

/** What a run is. */
export interface SeedSettings {
  readonly seed: number;
  /** What the recipe is called. */
  readonly model: SharedModelName;
  readonly recipe: ClassifierRecipe;
  /** How many of the nine take part, by subject number. */
  readonly memberCount: number;
  /** How many of them are OS processes of their own, with stores on disk. */
  readonly processCount: number;
  /** What the hub decides by. */
  readonly policy: LinePolicyInput;
}

/** What a run is made with. */
export interface SeedParts {
  readonly data: HarHapt;
  readonly runtime: OrtRuntime;
  /** Empty, for everything that is kept. */
  readonly folder: string;
  readonly signal: AbortSignal;
  readonly onProgress: (line: string) => void;
}

/** One thing that happened at the hub. */
export interface FleetEvent {
  /** Since the first moment, virtual. */
  readonly atMs: number;
  readonly action: string;
  readonly reason: string;
}

/** What a run has given. The same settings give the same result to the byte, on one machine. */
export interface SeedResult {
  readonly seed: number;
  readonly model: SharedModelName;
  readonly rows: readonly PersonRow[];
  /** What of the model a device trains, and what it has. */
  readonly trainedParameters: number;
  readonly parameters: number;
  readonly fleet: {
    /** The version that the fleet serves at the end. */
    readonly version: string;
    /** Whether it is one that the fleet made; else it is the shared one. */
    readonly isPromoted: boolean;
    readonly events: readonly FleetEvent[];
  };
}

/** What of the hub's audit tells how the fleet's versions fared. */
const toldActions: ReadonlySet<string> = new Set([
  "window.closed",
  "window.failed",
  "candidate.made",
  "gate.verdict",
  "release.created",
  "rollout.started",
  "rollout.grown",
  "rollout.held",
  "rollout.halted",
  "rollout.rolledBack",
  "rollout.promoted",
]);

interface Person {
  readonly subject: number;
  readonly id: string;
  readonly timeline: readonly TimelineWindow[];
  readonly steps: readonly MemberStep[];
}

/** How one person fared on one device. */
interface Lived {
  readonly answers: readonly MemberAnswer[];
  readonly scored: ScoredAnswers;
  readonly record: MemberRecord;
}

/** Runs one seed. @throws Fault of any part; what `signal` is aborted with */
export async function runSeed(settings: SeedSettings, parts: SeedParts): Promise<SeedResult> {
  const { data, runtime, onProgress } = parts;
  const failing = new AbortController();
  const signal = AbortSignal.any([parts.signal, failing.signal]);
  const { seed } = settings;
  const random = createSeededRandom(seed);
  const split = splitPeople(data, random.fork("split"));
  const packages = await makeHaptPackages(runtime, {
    train: split.train,
    validation: split.validation,
    recipe: settings.recipe,
    random: random.fork("shared model"),
    onProgress: (share, loss) =>
      onProgress(progressLine("training the shared model", share, `loss ${loss.toFixed(3)}`)),
  });
  const people = split.test.slice(0, settings.memberCount).map(travellerOf);
  const file = (rule: GuardRule): Uint8Array =>
    encodeModelPackage(packages[rule], nodeCryptography);
  const planOf = (person: Person, rule: GuardRule): MemberPlan => ({
    id: person.id,
    model: file(rule),
    seed: `${seed}`,
    startMs: START_MS,
    hub: null,
    folder: null,
  });

  const alone = async (rule: GuardRule): Promise<readonly Lived[]> => {
    const sharing = shareAmongMembers(runtime);
    const lived: Lived[] = [];
    for (const person of people) {
      signal.throwIfAborted();
      const member = await openMember(planOf(person, rule), sharing);
      const answers: MemberAnswer[] = [];
      for (const step of person.steps) answers.push(await member.live(step));
      lived.push(await examined(person, member, answers));
      await member.close();
    }
    return lived;
  };

  const together = runFleet({
    settings,
    parts: { ...parts, signal },
    people,
    planOf: (person) => planOf(person, "evidence"),
    firstPackage: file("evidence"),
    validationSet: makeValidationSet(split.validation),
    onProgress: (share) => onProgress(progressLine("nine people live", share, "")),
  });
  // Beside the fleet: they share nothing with it but the processor.
  const apart = Promise.all([alone("always"), alone("never")]);
  const fail = (error: unknown): never => {
    failing.abort(error);
    throw error;
  };
  const both = [together.catch(fail), apart.catch(fail)] as const;
  // Whichever fails, the other one has put everything down before this rejects.
  await Promise.allSettled(both);
  const [fleet, [naive, never]] = await Promise.all(both);

  const evaluator = unwrap(await createEvaluator(packages.evidence, runtime, nodeCryptography));
  const floor = linearFloor([...split.train, ...split.validation], split.test);
  const rows: PersonRow[] = [];
  for (const [index, person] of people.entries()) {
    const scored = windowsOf(person.timeline, "scored");
    const scorer = createPersonScorer(scored, () => random.fork(`interval of ${person.id}`));
    const windows = joinedWindows(scored);
    const shared = [...(await evaluator.answer(windows)).classes];
    const promoted = [...(await evaluator.answer(windows, fleet.parameters)).classes];
    const guarded = fleet.lived[index] as Lived;
    const { record } = guarded;
    rows.push({
      subject: person.subject,
      isProcess: index < settings.processCount,
      windows: scorer.windows,
      stretches: scorer.stretches,
      floor: floor.find(({ subject }) => subject === person.subject)?.shared.accuracy as number,
      shared: scorer.accuracy(shared),
      naive: scorer.learner((naive[index] as Lived).scored, shared),
      guarded: scorer.learner(guarded.scored, shared),
      fleet: {
        afterwards: scorer.accuracy(promoted),
        interval: scorer.against(promoted, shared),
      },
      never: scorer.learner((never[index] as Lived).scored, shared),
      outliers: {
        transitions: outlierShare(person, guarded, (role) => role === "transition"),
        activities: outlierShare(person, guarded, (role) => role !== "transition"),
      },
      trainings: record.trainings,
      adopted: record.adopted,
      dropped: record.dropped,
      reverted: record.reverted,
      naiveTrainings: (naive[index] as Lived).record.trainings,
      neverTrainings: (never[index] as Lived).record.trainings,
      neverDropped: (never[index] as Lived).record.dropped,
      isPersonal: record.isPersonal,
      verdicts: record.verdicts,
      contributions: record.contributions,
      withheld: record.withheld,
    });
  }
  await evaluator.release();
  const model = unwrap(modelOf(packages.evidence));
  const { scope } = packages.evidence.learning.plan;
  return {
    seed,
    model: settings.model,
    rows,
    trainedParameters: countOf(unwrap(compileServing(model, { scope }))),
    parameters: countOf(unwrap(compileServing(model, { scope: "all" }))),
    fleet: {
      version: fleet.version,
      isPromoted: fleet.version !== versionOf(packages.evidence, nodeCryptography),
      events: fleet.events,
    },
  };
}

interface FleetRun {
  readonly settings: SeedSettings;
  readonly parts: SeedParts;
  readonly people: readonly Person[];
  readonly planOf: (person: Person) => MemberPlan;
  readonly firstPackage: Uint8Array;
  readonly validationSet: Uint8Array;
  readonly onProgress: (share: number) => void;
}

/** Everybody on one hub, in virtual time. */
async function runFleet(run: FleetRun): Promise<{
  readonly lived: readonly Lived[];
  readonly version: string;
  readonly parameters: ParameterSet;
  readonly events: readonly FleetEvent[];
}> {
  const { settings, parts, people } = run;
  const clock = createManualClock(START_MS);
  const controller = new AbortController();
  const signal = AbortSignal.any([parts.signal, controller.signal]);
  const founded = await foundHub({
    folder: parts.folder,
    clock,
    fleet: "hapt-fleet",
    line: LINE,
    policy: settings.policy,
    delegationNormMax: DELEGATION_NORM_MAX,
    signerEveryMs: SIGNER_EVERY_MS,
    onLost: (fault) => controller.abort(fault),
    signal,
  });
  const members: FleetMember[] = [];
  try {
    const events: FleetEvent[] = [];
    founded.hub.onAudit(({ action, atMs, reason }) => {
      if (toldActions.has(action)) events.push({ atMs: atMs - START_MS, action, reason });
    });
    await founded.release(run.validationSet, run.firstPackage);
    const enrolmentToken = await founded.enrolmentToken(people.length);
    const sharing = shareAmongMembers(parts.runtime);
    for (const [index, person] of people.entries()) {
      const isProcess = index < settings.processCount;
      const folder = join(parts.folder, person.id);
      if (isProcess) await mkdir(folder);
      const plan: MemberPlan = {
        ...run.planOf(person),
        hub: { mqttUrl: founded.mqttUrl, enrolmentToken },
        folder: isProcess ? folder : null,
      };
      members.push(isProcess ? await openProcessMember(plan) : await openMember(plan, sharing));
    }
    const journeys = members.map((member, index) => {
      const { steps } = people[index] as Person;
      return { member, steps };
    });
    const fleet = createVirtualFleet({ hub: founded.hub, clock, journeys, signal });
    await fleet.settle();
    const answers = await fleet.travel(run.onProgress);
    const { version, parameters } = await championOf(founded);
    const lived: Lived[] = [];
    for (const [index, member] of members.entries()) {
      lived.push(await examined(people[index] as Person, member, answers[index] ?? []));
    }
    return { lived, version, parameters, events };
  } finally {
    // One that is gone already cannot be closed; that must not keep the others.
    await Promise.allSettled(members.map((member) => member.close()));
    await founded.close();
  }
}

/** What the fleet serves, read from the hub. */
async function championOf({
  hub,
  api,
}: FoundedHub): Promise<{ readonly version: string; readonly parameters: ParameterSet }> {
  const version = hub.state().lines[0]?.champion?.version as string;
  const { parts } = await api.get<VersionDetail>(`/api/versions/${version}`);
  const response = await fetch(`${api.url}/blobs/${parts.parameters.digest}`);
  const bytes = new Uint8Array(await response.arrayBuffer());
  return { version, parameters: unwrap(decodeParameters(bytes)) };
}

/** Asks a device, after all that it has lived through, for every scored window again. */
async function examined(
  person: Person,
  member: FleetMember,
  answers: readonly MemberAnswer[],
): Promise<Lived> {
  const record = await member.record();
  const scored = windowsOf(person.timeline, "scored");
  const afterwards = await member.answer(scored.map(({ samples }) => samples));
  const onArrival = answers.filter((_, index) => person.timeline[index]?.role === "scored");
  return {
    answers,
    record,
    scored: {
      onArrival: onArrival.map(({ label }) => placeOf(label)),
      afterwards: afterwards.map(placeOf),
    },
  };
}

const placeOf = (label: string): number => (activities as readonly string[]).indexOf(label);

function travellerOf(person: HaptPerson): Person {
  const timeline = createTimeline(person);
  return {
    subject: person.subject,
    id: memberId(person.subject),
    timeline,
    steps: timeline.map(({ window, role }) => ({
      atMs: START_MS + window.endMs,
      samples: window.samples,
      truth: role === "feedback" ? (activities[window.label as number] as string) : null,
    })),
  };
}

function outlierShare(
  { timeline }: Person,
  { answers }: Lived,
  isMeant: (role: TimelineWindow["role"]) => boolean,
): number {
  const meant = answers.filter((_, index) => {
    const entry = timeline[index];
    return entry !== undefined && isMeant(entry.role);
  });
  return meant.length === 0 ? 0 : meant.filter(({ isOutlier }) => isOutlier).length / meant.length;
}

function countOf({ parameters }: CompiledServing): number {
  return parameters.reduce(
    (sum, { dims }) => sum + dims.reduce((product, size) => product * size, 1),
    0,
  );
}

function progressLine(what: string, share: number, more: string): string {
  return `${what}: ${Math.floor(100 * share)} %${more === "" ? "" : `, ${more}`}`;
}
