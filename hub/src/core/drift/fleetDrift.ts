// Which devices of a line drift together, and which alone. Pure; it must not know where reports come from.
import { believedCount } from "@attune/device-runtime/monitor";
import type { DeviceId, DriftFinding, DriftReport } from "@attune/protocol";
import {
  DRIFT_ALONE_SHARE,
  DRIFT_ALONE_SHOWN_MAX,
  DRIFT_FALSE_SHARE,
  DRIFT_GROUP_DEVICES_SHOWN_MAX,
  DRIFT_GROUPS_MAX,
  DRIFT_SILENT_MS,
  DRIFT_TOGETHER_MS,
} from "../../limits.ts";
import { togetherEvidence } from "./togetherEvidence.ts";

/** What one device said last, and when. */
export interface DeviceDrift {
  readonly device: DeviceId;
  readonly cohort: string;
  readonly drift: DriftReport;
  /** By the device's clock: only what lies between it and an onset counts. */
  readonly atMs: number;
  /** By the hub's clock. */
  readonly receivedAtMs: number;
}

/** A finding by what makes two the same, and on how many devices it is. */
export interface SharedFinding extends Pick<DriftFinding, "kind" | "name" | "direction"> {
  readonly devices: number;
  /** Largest mean severity, in the finding's own unit. */
  readonly severity: number;
}

/** Devices that drift together. */
export interface DriftGroup {
  /** A cohort; null for the whole line. */
  readonly cohort: string | null;
  /** The most evidence first, at most as many as a device names. */
  readonly findings: readonly SharedFinding[];
  readonly deviceCount: number;
  /** Devices of that cohort, or line, that could have been found to drift. */
  readonly watchedCount: number;
  /** The first by id. */
  readonly devices: readonly DeviceId[];
  readonly onset: { readonly fromMs: number; readonly toMs: number };
  readonly evidence: number;
  /** What a group needs by itself. */
  readonly limit: number;
  /** Devices of it whose answers are guessed to be worse. */
  readonly worseCount: number;
}

/** A device that drifts by itself: the person has changed, or what they wear. */
export interface DriftAlone {
  readonly device: DeviceId;
  readonly cohort: string;
  readonly users: number;
  readonly driftedUsers: number;
  readonly findings: readonly DriftFinding[];
  readonly unnamedFindings: number;
  /** Earliest onset, by the hub's clock. */
  readonly onsetMs: number;
  readonly performance: "worse" | "fine" | "unclear" | null;
  /** Other devices that drift on its first finding, too few to say together. */
  readonly alikeCount: number;
}

/** Drift in a line, of bounded size whatever its fleet. */
export interface FleetDrift {
  /** `fail` when any device has drifted, `learning` while none could be found to. */
  readonly verdict: "pass" | "fail" | "learning";
  /** In one sentence. */
  readonly why: string;
  readonly counts: {
    /** Devices that said something of drift lately and are not in quarantine. */
    readonly reporting: number;
    readonly learning: number;
    readonly drifted: number;
    readonly together: number;
    readonly alone: number;
    readonly users: number;
    readonly driftedUsers: number;
    /** Devices that quarantine data, and that break a business rule now. */
    readonly quarantining: number;
    readonly breakingRules: number;
  };
  /** The most evidence first. */
  readonly together: readonly DriftGroup[];
  readonly unnamedGroups: number;
  /** Those whose answers are guessed to be worse first, then by evidence. */
  readonly alone: readonly DriftAlone[];
  readonly unnamedAlone: number;
}

interface Sighting {
  readonly at: number;
  readonly device: DeviceDrift;
  readonly finding: DriftFinding;
  readonly onsetMs: number;
}

interface Candidate {
  readonly cohort: string | null;
  readonly watched: number;
  readonly sightings: readonly Sighting[];
  readonly evidence: number;
}

interface GroupInMaking {
  readonly cohort: string | null;
  readonly watched: number;
  readonly evidence: number;
  /** By place of the device. */
  readonly members: Map<number, Sighting>;
  /** By {@link keyOf}. */
  readonly findings: Map<string, SharedFinding>;
}

/**
 * What drifts in a line.
 *
 * - **Together**: the same series or rate in the same direction, onsets within `DRIFT_TOGETHER_MS`, in one cohort or the whole
 *   line, with more evidence ({@link togetherEvidence}) than devices of which each drifts by itself with a probability of at most
 *   `DRIFT_ALONE_SHARE` give. Every series, rate, direction, cohort and the line are hypotheses; e-BH keeps the share of false groups at
 *   `DRIFT_FALSE_SHARE` at each look, whatever their dependence.
 * - The cohort, or line, in which the evidence is largest names a group. What the same devices also drift on belongs to it.
 * - A device counts for a group when most of its users show the finding, so a gateway's sensor counts and one of its thirty people does not. Every
 *   device counts once: many users on one weigh no more.
 * - **Alone**: everybody else who has drifted. Too few to say is alone, with how many are alike.
 * - Pure, O(devices · log devices); the answer has a fixed largest size.
 *
 * Onsets are taken by the age that a device gives them, so a device whose clock is wrong counts as any other.
 */
export function fleetDrift(devices: readonly DeviceDrift[], nowMs: number): FleetDrift {
  const heard = devices
    .filter(({ receivedAtMs }) => nowMs - receivedAtMs <= DRIFT_SILENT_MS)
    .sort((a, b) => (a.device < b.device ? -1 : 1));
  const watched = heard.filter(({ drift }) => drift.verdict !== "learning");
  const candidates = candidatesOf(watched);
  const hypotheses = hypothesisCount(watched);
  const believed = believedOf(candidates, hypotheses);
  const groups = groupsOf(believed, hypotheses / DRIFT_FALSE_SHARE);
  const grouped = new Set(groups.flatMap(({ members }) => [...members.keys()]));
  const drifted = watched.filter(({ drift }) => drift.verdict === "fail");
  const alone = aloneOf(watched, grouped);
  const counts = {
    reporting: heard.length,
    learning: heard.length - watched.length,
    drifted: drifted.length,
    together: grouped.size,
    alone: alone.count,
    users: sum(heard, ({ drift }) => drift.users),
    driftedUsers: sum(heard, ({ drift }) => drift.driftedUsers),
    quarantining: heard.filter(({ drift }) => drift.quarantined.windows > 0).length,
    breakingRules: heard.filter(({ drift }) => drift.rules.broken > 0).length,
  };
  const together = groups
    .slice(0, DRIFT_GROUPS_MAX)
    .map((group) => documentOf(group, hypotheses / DRIFT_FALSE_SHARE));
  return {
    verdict: drifted.length > 0 ? "fail" : watched.length > 0 ? "pass" : "learning",
    why: whyOf(counts, groups.length),
    counts,
    together,
    unnamedGroups: groups.length - together.length,
    alone: alone.shown,
    unnamedAlone: alone.count - alone.shown.length,
  };
}

function keyOf({
  kind,
  name,
  direction,
}: Pick<DriftFinding, "kind" | "name" | "direction">): string {
  return `${kind}/${direction}/${name}`;
}

/** When it began, by the hub's clock. */
function onsetOf({ atMs, receivedAtMs }: DeviceDrift, { onsetMs }: DriftFinding): number {
  return receivedAtMs - Math.max(0, atMs - onsetMs);
}

/** The device itself drifts when most of the users do of whom anything is known. */
function isOfDevice({ drift }: DeviceDrift, { users }: DriftFinding): boolean {
  return 2 * users > drift.users - drift.learningUsers;
}

function candidatesOf(watched: readonly DeviceDrift[]): readonly Candidate[] {
  const byKey = new Map<string, Sighting[]>();
  watched.forEach((device, at) => {
    for (const finding of device.drift.findings) {
      if (!isOfDevice(device, finding)) continue;
      const key = keyOf(finding);
      const sightings = byKey.get(key) ?? [];
      // Once a device, whatever it repeats.
      if (sightings.at(-1)?.at === at) continue;
      sightings.push({ at, device, finding, onsetMs: onsetOf(device, finding) });
      byKey.set(key, sightings);
    }
  });
  const sizes = new Map<string, number>();
  for (const { cohort } of watched) sizes.set(cohort, (sizes.get(cohort) ?? 0) + 1);
  const candidates: Candidate[] = [];
  for (const sightings of byKey.values()) {
    const byCohort = new Map<string | null, Sighting[]>([[null, sightings]]);
    // The only cohort is the line.
    if (sizes.size > 1) {
      for (const sighting of sightings) {
        const { cohort } = sighting.device;
        const own = byCohort.get(cohort) ?? [];
        own.push(sighting);
        byCohort.set(cohort, own);
      }
    }
    for (const [cohort, own] of byCohort) {
      const inTime = mostWithin(own);
      if (inTime.length < 2) continue;
      const size = cohort === null ? watched.length : (sizes.get(cohort) ?? 0);
      candidates.push({
        cohort,
        watched: size,
        sightings: inTime,
        evidence: togetherEvidence(inTime.length, size, DRIFT_ALONE_SHARE),
      });
    }
  }
  return candidates.sort((a, b) => b.evidence - a.evidence || rank(a) - rank(b));
}

/** Of equal evidence, the line before its cohorts. */
function rank({ cohort }: Candidate): number {
  return cohort === null ? 0 : 1;
}

/** The most sightings whose onsets are within the window. */
function mostWithin(sightings: readonly Sighting[]): readonly Sighting[] {
  const sorted = sightings.toSorted((a, b) => a.onsetMs - b.onsetMs);
  let best: readonly [number, number] = [0, 0];
  let from = 0;
  for (let to = 0; to < sorted.length; to += 1) {
    while (onsetAt(sorted, to) - onsetAt(sorted, from) > DRIFT_TOGETHER_MS) from += 1;
    if (to + 1 - from > best[1] - best[0]) best = [from, to + 1];
  }
  return sorted.slice(...best);
}

function onsetAt(sightings: readonly Sighting[], at: number): number {
  return (sightings[at] as Sighting).onsetMs;
}

/** Everything that could have been found: every series and rate, three directions, each cohort and the line. */
function hypothesisCount(watched: readonly DeviceDrift[]): number {
  // The median: one device that claims a million series must not make everybody else's evidence too little.
  const claimed = watched.map(({ drift }) => drift.series).sort((a, b) => a - b);
  const series = Math.max(1, claimed[Math.floor(claimed.length / 2)] ?? 1);
  const cohorts = new Set(watched.map(({ cohort }) => cohort)).size;
  return 3 * series * (cohorts > 1 ? cohorts + 1 : 1);
}

function believedOf(candidates: readonly Candidate[], hypotheses: number): readonly Candidate[] {
  // Hypotheses for which there is nothing to see count as well; scaled, because believedCount counts what it is given.
  const share = candidates.length / hypotheses;
  const evidences = candidates.map(({ evidence }) => evidence * Math.min(1, share));
  return candidates.slice(0, believedCount(evidences, DRIFT_FALSE_SHARE));
}

function groupsOf(believed: readonly Candidate[], limit: number): readonly GroupInMaking[] {
  const groups: GroupInMaking[] = [];
  const explained = new Map<number, GroupInMaking>();
  // Counted along: there may be as many groups as devices, whose names devices choose.
  const explainedIn = new Map<string, number>();
  for (const { cohort, watched: size, sightings, evidence } of believed) {
    const rest = sightings.filter(({ at }) => !explained.has(at));
    const finding = sharedOf(sightings);
    const isNews = rest.length === sightings.length;
    const left = isNews
      ? evidence
      : togetherEvidence(
          rest.length,
          size - (cohort === null ? explained.size : (explainedIn.get(cohort) ?? 0)),
          DRIFT_ALONE_SHARE,
        );
    if (isNews || left >= limit) {
      const group: GroupInMaking = {
        cohort,
        watched: size,
        evidence: left,
        members: new Map(rest.map((sighting) => [sighting.at, sighting])),
        findings: new Map([[keyOf(finding), sharedOf(rest)]]),
      };
      groups.push(group);
      for (const { at, device } of rest) {
        explained.set(at, group);
        explainedIn.set(device.cohort, (explainedIn.get(device.cohort) ?? 0) + 1);
      }
      continue;
    }
    // The same devices by another name: it belongs to the group that has most of them.
    const owner = ownerOf(sightings, explained);
    if (owner !== null && !owner.findings.has(keyOf(finding))) {
      const theirs = sightings.filter(({ at }) => explained.get(at) === owner);
      owner.findings.set(keyOf(finding), sharedOf(theirs));
    }
  }
  return groups;
}

function ownerOf(
  sightings: readonly Sighting[],
  explained: ReadonlyMap<number, GroupInMaking>,
): GroupInMaking | null {
  const counts = new Map<GroupInMaking, number>();
  for (const { at } of sightings) {
    const group = explained.get(at);
    if (group !== undefined) counts.set(group, (counts.get(group) ?? 0) + 1);
  }
  let owner: GroupInMaking | null = null;
  for (const [group, count] of counts) {
    if (owner === null || count > (counts.get(owner) ?? 0)) owner = group;
  }
  return owner;
}

function sharedOf(sightings: readonly Sighting[]): SharedFinding {
  const { kind, name, direction } = (sightings[0] as Sighting).finding;
  const severities = sightings.map(({ finding }) => finding.severity.mean);
  return {
    kind,
    name,
    direction,
    devices: sightings.length,
    severity: severities.reduce((most, mean) => Math.max(most, mean)),
  };
}

function documentOf(group: GroupInMaking, limit: number): DriftGroup {
  const members = [...group.members.values()].sort((a, b) => a.at - b.at);
  const onsets = members.map(({ onsetMs }) => onsetMs);
  return {
    cohort: group.cohort,
    findings: [...group.findings.values()].slice(0, DRIFT_GROUPS_MAX),
    deviceCount: members.length,
    watchedCount: group.watched,
    devices: members.slice(0, DRIFT_GROUP_DEVICES_SHOWN_MAX).map(({ device }) => device.device),
    onset: {
      fromMs: onsets.reduce((least, onset) => Math.min(least, onset)),
      toMs: onsets.reduce((most, onset) => Math.max(most, onset)),
    },
    // JSON has no infinity.
    evidence: Math.min(Number.MAX_VALUE, group.evidence),
    limit,
    worseCount: members.filter(({ device }) => device.drift.performance?.verdict === "worse")
      .length,
  };
}

function aloneOf(
  watched: readonly DeviceDrift[],
  grouped: ReadonlySet<number>,
): { readonly count: number; readonly shown: readonly DriftAlone[] } {
  const counts = new Map<string, number>();
  for (const { drift } of watched) {
    for (const finding of drift.findings) {
      counts.set(keyOf(finding), (counts.get(keyOf(finding)) ?? 0) + 1);
    }
  }
  const alone = watched.filter(({ drift }, at) => drift.verdict === "fail" && !grouped.has(at));
  const shown = alone
    .toSorted(({ drift: a }, { drift: b }) => urgency(b) - urgency(a) || weight(b) - weight(a))
    .slice(0, DRIFT_ALONE_SHOWN_MAX)
    .map((device): DriftAlone => {
      const { drift } = device;
      const [first] = drift.findings;
      return {
        device: device.device,
        cohort: device.cohort,
        users: drift.users,
        driftedUsers: drift.driftedUsers,
        findings: drift.findings,
        unnamedFindings: drift.unnamedFindings,
        onsetMs: drift.findings.reduce(
          (least, finding) => Math.min(least, onsetOf(device, finding)),
          device.receivedAtMs,
        ),
        performance: drift.performance?.verdict ?? null,
        alikeCount: first === undefined ? 0 : (counts.get(keyOf(first)) ?? 1) - 1,
      };
    });
  return { count: alone.length, shown };
}

function urgency({ performance }: DriftReport): number {
  const verdict = performance?.verdict;
  return verdict === "worse" ? 2 : verdict === "fine" ? 0 : 1;
}

function weight({ findings: [first] }: DriftReport): number {
  return first === undefined || first.limit === 0 ? 0 : first.evidence / first.limit;
}

function whyOf(counts: FleetDrift["counts"], groupCount: number): string {
  const { reporting, learning, drifted, together, alone } = counts;
  if (reporting === 0) return "no device has said anything of drift yet";
  const of = `${reporting} ${reporting === 1 ? "device" : "devices"}`;
  if (reporting === learning) return `${of}: all still learn what is normal for their people`;
  const rest = learning === 0 ? "" : `, ${learning} still learn`;
  if (drifted === 0) return `nothing drifts on ${of}${rest}`;
  const groups =
    groupCount === 0 ? "" : ` in ${groupCount} ${groupCount === 1 ? "group" : "groups"}`;
  return `${drifted} of ${of} drift: ${together} together${groups}, ${alone} alone${rest}`;
}

function sum(devices: readonly DeviceDrift[], of: (device: DeviceDrift) => number): number {
  return devices.reduce((total, device) => total + of(device), 0);
}
