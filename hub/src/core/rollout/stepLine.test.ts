import type { BlobRef, CohortId, DeviceId, Digest, LineId, ModelVersion } from "@attune/protocol";
import { expect, it } from "vitest";
import { defaultPolicy, type LinePolicyInput, mergePolicy } from "../../policy.ts";
import type { DevicePairs } from "../gate/shadowGate.ts";
import type { LineEffect, LineEvent, LineView } from "./lineEvents.ts";
import { createLineState, type DecisionPlan, type LineState } from "./lineState.ts";
import { planRollback } from "./planRollback.ts";
import type { FleetDevice, ReceiptFact } from "./rolloutHealth.ts";
import { nextLookAtMs, pendingWork, stepLine, THRESHOLD_ALL } from "./stepLine.ts";
import { whyChallenger, whyWindow } from "./whyLine.ts";

const line = "activity" as LineId;
const everyone = "everyone" as CohortId;
const version = (name: string): ModelVersion => name.padEnd(64, "0") as ModelVersion;
const blob: BlobRef = { digest: "d".repeat(64) as Digest, bytes: 10 };

/** A line with devices a, b, c, ... whose canary hashes rise in this order. */
function createStory(input: LinePolicyInput = {}, deviceCount = 6) {
  const policy = mergePolicy(defaultPolicy, {
    window: { quorum: 4, contributionsMin: 2, deadlineMs: 1000 },
    ...input,
  });
  let state = createLineState(line, 0, policy.window.deadlineMs);
  const effects: LineEffect[] = [];
  const devices: FleetDevice[] = Array.from({ length: deviceCount }, (_, index) => ({
    device: String.fromCharCode(97 + index) as DeviceId,
    cohort: everyone,
    isReachable: true,
  }));
  const story = {
    nowMs: 0,
    eligibleCount: 0,
    hasValidationSet: true,
    devices,
    receipts: [] as ReceiptFact[],
    pairs: [] as DevicePairs[],
    get state(): LineState {
      return state;
    },
    view: (): LineView => ({
      nowMs: story.nowMs,
      policy,
      eligibleCount: story.eligibleCount,
      hasValidationSet: story.hasValidationSet,
      devices: story.devices,
      canaryHash: (_salt, device) => device.charCodeAt(0),
      receipts: story.receipts,
      pairs: story.pairs,
    }),
    tell(event: LineEvent): void {
      const step = stepLine(state, event, story.view());
      state = step.state;
      effects.push(...step.effects);
    },
    look: (): void => story.tell({ type: "looked" }),
    wait(ms: number): void {
      story.nowMs += ms;
      story.look();
    },
    effectsOf: <Type extends LineEffect["type"]>(type: Type) =>
      effects.filter((effect): effect is LineEffect & { type: Type } => effect.type === type),
    audits: (action: string) =>
      story.effectsOf("audit").filter((effect) => effect.action === action),
    decisions: (): DecisionPlan[] => story.effectsOf("decide").map(({ plan }) => plan),
    lastDecision(): DecisionPlan {
      const last = story.decisions().at(-1);
      if (last === undefined) throw new Error("no decision yet");
      return last;
    },
    serve(name: string, devicesToo: readonly string[], outcome: ReceiptFact["outcome"]): void {
      for (const device of devicesToo) {
        story.receipts.push({
          device: device as DeviceId,
          decisionSequence: story.lastDecision().decisionSequence,
          outcome,
          active: version(name),
          code: "",
          message: "",
        });
      }
    },
    pair(device: string, n: number, wins: number, losses: number): void {
      const rest = story.pairs.filter((pair) => pair.device !== device);
      story.pairs = [...rest, { device: device as DeviceId, n, wins, losses }];
    },
    /** A first version that serves everybody. */
    begin(): void {
      story.tell({ type: "cohortAdded", cohort: everyone });
      story.tell({ type: "imported", version: version("one"), securityEpoch: 0, actor: "admin:1" });
      story.prepare("one", { norm: null });
      story.validate();
      story.sign();
    },
    prepare(name: string, more: { norm?: number | null; delta?: BlobRef | null } = {}): void {
      const { delta = blob, norm = 1 } = more;
      story.tell({
        type: "prepared",
        challengerId: state.challenger?.id ?? 0,
        version: version(name),
        delta,
        shadowVersion: delta === null ? null : version(name),
        deltaMissing: delta === null ? "it has another graph" : "",
        norm,
        contributionCount: 4,
      });
    },
    validate(outcome: "pass" | "fail" = "pass"): void {
      story.tell({
        type: "validated",
        challengerId: state.challenger?.id ?? 0,
        checks: [
          { name: "sanity", outcome: "pass", text: "fine", evidence: {} },
          { name: "validation", outcome, text: "mean -2.0 points", evidence: {} },
        ],
      });
    },
    sign(): void {
      const request = state.challenger?.signingRequest ?? "";
      story.tell({ type: "signed", request, actor: "signer:1" });
    },
    /** A candidate of four contributions that devices find better, signed: its canary begins. */
    toCanary(name: string): void {
      story.eligibleCount = 4;
      story.look();
      story.eligibleCount = 0;
      story.prepare(name);
      story.validate();
      for (const device of ["a", "b", "c"]) story.pair(device, 40, 6, 0);
      story.look();
      story.sign();
      story.pairs = [];
    },
    why: (): string =>
      state.challenger === null
        ? whyWindow(state, story.view())
        : whyChallenger(state.challenger, state, story.view()),
  };
  return story;
}

it("[HB30] the first version needs no comparison and is released to everybody once it is signed", () => {
  const story = createStory();
  story.begin();
  expect(story.state.champion).toBe(version("one"));
  expect(story.lastDecision()).toMatchObject({
    action: "release",
    champion: version("one"),
    rollout: null,
  });
  expect(story.state.challenger).toBeNull();
});

it("[HB31] a window closes on its quorum, and says what it waits for until then", () => {
  const story = createStory();
  story.begin();
  story.eligibleCount = 3;
  story.look();
  expect(story.why()).toBe("waiting: 3 of 4 contributions, deadline in 1 s");
  expect(story.effectsOf("closeWindow")).toEqual([]);
  story.eligibleCount = 4;
  story.look();
  expect(story.effectsOf("closeWindow")).toEqual([{ type: "closeWindow", window: 1 }]);
  expect(pendingWork(story.state, true)).toMatchObject({ kind: "aggregate", window: 1 });
});

it("[HB31] a window never stalls on missing devices: its deadline closes it with what is there", () => {
  const story = createStory();
  story.begin();
  story.eligibleCount = 2;
  story.wait(999);
  expect(story.effectsOf("closeWindow")).toEqual([]);
  story.wait(1);
  expect(story.effectsOf("closeWindow")).toHaveLength(1);
  expect(story.audits("window.closed")[0]?.reason).toContain("deadline with 2 of 4");
});

it("[HB31] with too few contributions a window goes on to a new deadline", () => {
  const story = createStory();
  story.begin();
  story.eligibleCount = 1;
  story.wait(1000);
  expect(story.effectsOf("closeWindow")).toEqual([]);
  expect(story.state.window).toMatchObject({ number: 1, deadlineAtMs: 2000 });
});

it("[HB32] a failed validation rejects, with the reason, and the champion stays", () => {
  const story = createStory();
  story.begin();
  story.eligibleCount = 4;
  story.look();
  story.eligibleCount = 0;
  story.prepare("two");
  story.validate("fail");
  expect(story.state.challenger).toBeNull();
  expect(story.effectsOf("setStatus").at(-1)).toMatchObject({
    version: version("two"),
    status: "rejected",
  });
  expect(story.audits("gate.verdict").at(-1)?.reason).toBe("validation: mean -2.0 points");
  expect(story.state.champion).toBe(version("one"));
});

it("[HB32] without a validation set a candidate waits, says so, and is rejected at its deadline", () => {
  const story = createStory();
  story.begin();
  story.hasValidationSet = false;
  story.eligibleCount = 4;
  story.look();
  story.eligibleCount = 0;
  story.prepare("two");
  expect(pendingWork(story.state, false)).toBeNull();
  expect(story.why()).toContain("activity has no validation set");
  story.wait(120_000);
  expect(story.state.challenger).toBeNull();
});

it("[HB33] devices compare a candidate in shadow before anybody is asked to sign it", () => {
  const story = createStory();
  story.begin();
  story.eligibleCount = 4;
  story.look();
  story.eligibleCount = 0;
  story.prepare("two");
  story.validate();
  expect(story.lastDecision()).toMatchObject({
    action: "evaluate",
    shadow: { version: version("two"), base: version("one"), threshold: THRESHOLD_ALL },
  });
  story.pair("a", 40, 6, 0);
  story.look();
  expect(story.why()).toContain("1 of 3 devices have compared");
  expect(story.effectsOf("requestSignature")).toHaveLength(1);
  story.pair("b", 40, 6, 0);
  story.pair("c", 40, 6, 0);
  story.look();
  expect(story.state.challenger?.stage).toBe("signing");
  expect(story.effectsOf("requestSignature").at(-1)).toMatchObject({
    version: version("two"),
    gate: { verdict: "promote" },
  });
  expect(story.lastDecision().shadow).toBeNull();
});

it("[HB33] devices that find it worse reject it before the deadline", () => {
  const story = createStory();
  story.begin();
  story.eligibleCount = 4;
  story.look();
  story.prepare("two");
  story.validate();
  for (const device of ["a", "b", "c"]) story.pair(device, 40, 0, 6);
  story.eligibleCount = 0;
  story.look();
  expect(story.state.challenger).toBeNull();
  expect(story.audits("gate.verdict").at(-1)?.reason).toContain("evidence of harm");
});

it("[HB34] not enough evidence is a hold that a person may decide, and a no at its deadline", () => {
  const held = createStory();
  held.begin();
  held.eligibleCount = 4;
  held.look();
  held.eligibleCount = 0;
  held.prepare("two");
  held.validate();
  held.wait(3_600_000);
  expect(held.state.challenger).toMatchObject({ stage: "held", gate: { verdict: "hold" } });
  held.tell({ type: "approvalGiven", verdict: "promote", reason: "seen it", actor: "admin:1" });
  expect(held.state.challenger?.stage).toBe("signing");
  expect(held.audits("approval.given")[0]).toMatchObject({ actor: "admin:1", reason: "seen it" });

  const late = createStory();
  late.begin();
  late.eligibleCount = 4;
  late.look();
  late.eligibleCount = 0;
  late.prepare("two");
  late.validate();
  late.wait(3_600_000);
  late.wait(86_400_000);
  expect(late.state.challenger).toBeNull();
});

it("[HB34] a policy may ask for a person's yes after everything passed", () => {
  const story = createStory({ gate: { approval: "person" } });
  story.tell({ type: "cohortAdded", cohort: everyone });
  story.tell({ type: "imported", version: version("one"), securityEpoch: 0, actor: "admin:1" });
  story.prepare("one", { norm: null });
  story.validate();
  expect(story.state.challenger?.stage).toBe("approving");
  expect(story.why()).toContain("a person has to approve it");
  story.tell({ type: "approvalGiven", verdict: "reject", reason: "not now", actor: "admin:1" });
  expect(story.state.champion).toBeNull();
});

it("[HB35] an imported version that does not fit the champion's tensors is not compared, and its gate says why", () => {
  const story = createStory();
  story.begin();
  story.tell({ type: "imported", version: version("two"), securityEpoch: 0, actor: "admin:1" });
  story.prepare("two", { delta: null, norm: null });
  story.validate();
  expect(story.state.challenger?.stage).toBe("signing");
  expect(story.state.challenger?.gate.checks.find(({ name }) => name === "shadow")).toMatchObject({
    outcome: "skipped",
    text: "it has another graph: validation decides alone",
  });
});

it("[HB36] without a signer in time the candidate is rejected, and a late signature changes nothing", () => {
  const story = createStory();
  story.begin();
  story.eligibleCount = 4;
  story.look();
  story.eligibleCount = 0;
  story.prepare("two");
  story.validate();
  for (const device of ["a", "b", "c"]) story.pair(device, 40, 6, 0);
  story.look();
  const request = story.state.challenger?.signingRequest ?? "";
  story.wait(600_000);
  expect(story.effectsOf("closeSigning")).toMatchObject([{ request, state: "expired" }]);
  const before = story.state;
  story.tell({ type: "signed", request, actor: "signer:1" });
  expect(story.state).toEqual(before);
});

it("[HB40] a canary selects exactly its devices; everybody else keeps the champion", () => {
  const story = createStory();
  story.begin();
  story.toCanary("two");
  const { rollout, champion, action } = story.lastDecision();
  expect({ action, champion }).toEqual({ action: "canary", champion: version("one") });
  expect(rollout).toMatchObject({ version: version("two"), threshold: "c".charCodeAt(0) });
  expect(story.audits("rollout.started")[0]?.detail).toMatchObject({ devices: ["a", "b", "c"] });
});

it("[HB106] there are as many canaries as a minority needs, and the audit says how small a one they are sure to meet", () => {
  const story = createStory({ rollout: { minorityShare: 0.3 } }, 30);
  story.begin();
  story.toCanary("two");
  const [started] = story.audits("rollout.started");
  expect(started?.detail["devices"]).toHaveLength(8);
  expect(started?.reason).toMatch(/: whatever harms 9 of 30 devices meets one of them with 95 %$/);
  const few = createStory({}, 30);
  few.begin();
  few.toCanary("two");
  expect(few.audits("rollout.started")[0]?.reason).toMatch(
    /^canary of 3 devices for .*: whatever harms 19 of 30 devices meets one/,
  );
});

it("[HB40] devices that are away are no canary: the next ones in the order are taken", () => {
  const story = createStory();
  story.devices = story.devices.map((device) =>
    device.device === "b" ? { ...device, isReachable: false } : device,
  );
  story.begin();
  story.toCanary("two");
  expect(story.lastDecision().rollout?.threshold).toBe("d".charCodeAt(0));
});

const goodCanary = (story: ReturnType<typeof createStory>): void => {
  story.serve("two", ["a", "b", "c"], "activated");
  for (const device of ["a", "b", "c"]) story.pair(device, 400, 8, 0);
  story.wait(60_000);
};

it("[HB41] the canary grows to all when the bound on harm is within the margin, bakes, and is promoted", () => {
  const story = createStory();
  story.begin();
  story.toCanary("two");
  expect(story.why()).toContain("watching 1 min more");
  goodCanary(story);
  expect(story.state.challenger?.stage).toBe("spreading");
  expect(story.lastDecision().rollout?.threshold).toBe(THRESHOLD_ALL);
  story.serve("two", ["a", "b", "c"], "baked");
  story.wait(60_000);
  expect(story.state.champion).toBe(version("two"));
  expect(story.lastDecision()).toMatchObject({
    action: "promote",
    champion: version("two"),
    rollout: null,
  });
  expect(story.effectsOf("setStatus").slice(-2)).toEqual([
    { type: "setStatus", version: version("one"), status: "retired" },
    { type: "setStatus", version: version("two"), status: "champion" },
  ]);
});

it("[HB41] until the bound is within the margin it holds, says what so few devices can show, and rolls back if nobody decides", () => {
  const story = createStory();
  story.begin();
  story.toCanary("two");
  story.serve("two", ["a", "b", "c"], "activated");
  for (const device of ["a", "b", "c"]) story.pair(device, 20, 1, 1);
  story.wait(60_000);
  expect(story.state.challenger?.stage).toBe("canary");
  expect(story.why()).toMatch(/hold: 3 devices can show \d+\.\d points, margin 2\.0/);
  story.wait(3_600_000);
  expect(story.audits("rollout.held")).toHaveLength(1);
  story.wait(86_400_000);
  expect(story.audits("rollout.rolledBack")[0]?.reason).toContain("nobody decided in time");
  expect(story.lastDecision()).toMatchObject({
    action: "rollback",
    champion: version("one"),
    rollout: null,
  });
});

it("[HB41] one canary with evidence of harm of its own keeps a version from growing, however well the others fare", () => {
  const story = createStory({ rollout: { margin: 0.2 } });
  story.begin();
  story.toCanary("two");
  story.serve("two", ["a", "b", "c"], "activated");
  for (const device of ["a", "b"]) story.pair(device, 200, 2, 2);
  story.pair("c", 25, 0, 8);
  story.wait(60_000);
  expect(story.state.challenger?.stage).toBe("canary");
  expect(story.why()).toContain(
    "hold: c alone has 8 losses, 0 wins of 25: evidence of harm 56.8 of 20",
  );
  // A run of bad luck passes; harm does not, and then all together say so.
  story.pair("c", 60, 8, 9);
  story.look();
  expect(story.state.challenger?.stage).toBe("spreading");
});

it("[HB41] a person lets a held canary go on", () => {
  const story = createStory();
  story.begin();
  story.toCanary("two");
  story.serve("two", ["a", "b", "c"], "activated");
  story.wait(60_000);
  story.tell({ type: "proceedOrdered", reason: "looks fine", actor: "admin:1" });
  expect(story.state.challenger?.stage).toBe("spreading");
});

it("[HB41] a policy may spread at the deadline when no harm is seen", () => {
  const story = createStory({ rollout: { atCanaryDeadline: "spread" } });
  story.begin();
  story.toCanary("two");
  story.serve("two", ["a", "b", "c"], "activated");
  for (const device of ["a", "b", "c"]) story.pair(device, 20, 1, 1);
  story.wait(3_600_000);
  expect(story.state.challenger?.stage).toBe("spreading");
  expect(story.audits("rollout.grown")[0]?.reason).toContain("deadline without evidence of harm");
});

it("[HB42] harm on the canary's devices rolls back by itself, with the evidence", () => {
  const story = createStory();
  story.begin();
  story.toCanary("two");
  story.serve("two", ["a", "b", "c"], "activated");
  story.pair("a", 40, 0, 9);
  story.look();
  const [rolledBack] = story.audits("rollout.rolledBack");
  expect(rolledBack?.reason).toMatch(
    /evidence of harm .* limit 20, on 1 devices; worst a: 9 losses, 0 wins of 40/,
  );
  expect(story.lastDecision()).toMatchObject({
    action: "rollback",
    champion: version("one"),
    rollout: null,
  });
  expect(story.effectsOf("setStatus").at(-1)).toMatchObject({
    version: version("two"),
    status: "rolled-back",
  });
});

it("[HB42] harm that shows only after the canary still rolls everybody back", () => {
  const story = createStory();
  story.begin();
  story.toCanary("two");
  goodCanary(story);
  for (const device of ["d", "e", "f"]) story.pair(device, 60, 0, 12);
  story.look();
  expect(story.lastDecision()).toMatchObject({ action: "rollback", rollout: null });
});

it.each<[string, Partial<ReceiptFact>]>([
  ["a device that reverted", { outcome: "reverted", active: version("one") }],
  ["a digest that does not fit", { outcome: "refused", code: "blob.digest_mismatch" }],
  ["a model that does not load", { outcome: "refused", code: "model.not_loadable" }],
  ["answers that are NaN", { outcome: "refused", code: "model.output_not_finite" }],
])("[HB43] %s stops the rollout at once", (_what, fact) => {
  const story = createStory();
  story.begin();
  story.toCanary("two");
  const { decisionSequence } = story.lastDecision();
  story.receipts.push({
    device: "b" as DeviceId,
    decisionSequence,
    outcome: "refused",
    active: version("one"),
    code: "",
    message: "broken",
    ...fact,
  });
  story.look();
  expect(story.state.challenger).toBeNull();
  expect(story.lastDecision().action).toBe("rollback");
});

it("[HB43] a refusal that says nothing about the artifact, or is older than the rollout, stops nothing", () => {
  const story = createStory();
  story.begin();
  story.toCanary("two");
  const { decisionSequence } = story.lastDecision();
  const fact = { device: "b" as DeviceId, active: version("one"), message: "" };
  story.receipts.push(
    { ...fact, decisionSequence, outcome: "refused", code: "decision.sequence_replayed" },
    { ...fact, decisionSequence: decisionSequence - 1, outcome: "reverted", code: "" },
  );
  story.look();
  expect(story.state.challenger?.stage).toBe("canary");
});

it("[HB44] a halted rollout never grows, whatever the evidence, and rolls back at its deadline", () => {
  const story = createStory();
  story.begin();
  story.toCanary("two");
  story.tell({ type: "haltOrdered", reason: "a call from the ward", actor: "admin:1" });
  const decisions = story.decisions().length;
  story.serve("two", ["a", "b", "c"], "baked");
  for (const device of ["a", "b", "c"]) story.pair(device, 4000, 900, 0);
  story.wait(59_000);
  story.tell({ type: "proceedOrdered", reason: "no", actor: "admin:1" });
  expect(story.state.challenger?.stage).toBe("halted");
  expect(story.decisions()).toHaveLength(decisions);
  story.wait(1000);
  expect(story.lastDecision().action).toBe("rollback");
});

it("[HB45] a canary whose devices never activate it is rolled back at its deadline: offline is not stuck", () => {
  const story = createStory();
  story.begin();
  story.toCanary("two");
  story.wait(3_600_000);
  expect(story.audits("rollout.rolledBack")[0]?.reason).toBe(
    "no device had activated it by the deadline",
  );
});

it("[HB46] decision sequences only rise, across cohorts and through rollbacks", () => {
  const story = createStory();
  const ward = "ward-3" as CohortId;
  story.begin();
  story.tell({ type: "cohortAdded", cohort: ward });
  story.toCanary("two");
  goodCanary(story);
  story.serve("two", ["a", "b", "c"], "baked");
  story.wait(60_000);
  story.tell({ type: "cohortJoined", cohort: ward, reason: "a joined" });
  const sequences = story.decisions().map(({ decisionSequence }) => decisionSequence);
  expect(sequences).toEqual(sequences.map((_, index) => index + 1));
  expect(new Set(story.decisions().map(({ cohort }) => cohort))).toEqual(new Set([everyone, ward]));
});

const order = (cohort: CohortId, to: string): LineEvent => ({
  type: "rollbackOrdered",
  cohort,
  to: version(to),
  personal: "park",
  reason: "missed falls",
  actor: "admin:1",
});

it("[HB47] a rollback of one cohort pins that cohort and nobody else", () => {
  const story = createStory();
  const ward = "ward-3" as CohortId;
  story.begin();
  story.tell({ type: "cohortAdded", cohort: ward });
  story.toCanary("two");
  goodCanary(story);
  story.serve("two", ["a", "b", "c"], "baked");
  story.wait(60_000);
  const before = story.decisions().length;
  story.tell(order(ward, "one"));
  expect(story.decisions().slice(before)).toMatchObject([
    {
      cohort: ward,
      action: "rollback",
      champion: version("one"),
      personal: "park",
      reason: "missed falls",
    },
  ]);
  expect(story.state.champion).toBe(version("two"));
  story.tell({ type: "pinRemoved", cohort: ward, reason: "fixed", actor: "admin:1" });
  expect(story.lastDecision()).toMatchObject({ cohort: ward, champion: version("two") });
});

it("[HB47] a rollback of the only cohort takes the line back and ends what is on its way", () => {
  const story = createStory();
  story.begin();
  story.toCanary("two");
  goodCanary(story);
  story.serve("two", ["a", "b", "c"], "baked");
  story.wait(60_000);
  story.toCanary("three");
  story.tell(order(everyone, "one"));
  expect(story.state).toMatchObject({ champion: version("one"), challenger: null });
  expect(story.lastDecision()).toMatchObject({
    action: "rollback",
    champion: version("one"),
    rollout: null,
  });
});

it("[HB48] a rollback is refused below the security epoch, to what never baked, unknown or unreleased, or without a reason", () => {
  const story = createStory();
  story.begin();
  const state = { ...story.state, securityEpoch: 2 };
  const one = {
    version: version("one"),
    generation: 0,
    securityEpoch: 2,
    isReleased: true,
    isBaked: true,
  };
  const to = { ...one, version: version("zero") };
  const plan = (change: Partial<typeof to>, reason = "why", cohort = everyone) =>
    planRollback(
      state,
      { cohort, to: { ...to, ...change }, from: one, personal: "keep", reason },
      [],
    );
  const codeOf = (outcome: ReturnType<typeof plan>) => (outcome.ok ? "ok" : outcome.refusal.code);
  expect(codeOf(plan({}))).toBe("ok");
  expect(codeOf(plan({ securityEpoch: 1 }))).toBe("record.security_epoch_too_low");
  expect(codeOf(plan({ isBaked: false }))).toBe("operator.state_conflict");
  expect(codeOf(plan({ isReleased: false }))).toBe("operator.state_conflict");
  expect(codeOf(plan({ version: version("one") }))).toBe("operator.state_conflict");
  expect(codeOf(plan({}, "  "))).toBe("operator.request_invalid");
  expect(codeOf(plan({}, "why", "nobody" as CohortId))).toBe("operator.cohort_unknown");
});

it("[HB48] the preview names the devices, the generations and what happens to what users' devices learned", () => {
  const story = createStory();
  story.begin();
  const from = {
    version: version("two"),
    generation: 4,
    securityEpoch: 0,
    isReleased: true,
    isBaked: true,
  };
  const plan = planRollback(
    story.state,
    {
      cohort: everyone,
      to: { ...from, version: version("one"), generation: 3 },
      from,
      personal: "refit",
      reason: "missed falls",
    },
    [
      { device: "a" as DeviceId, isConnected: true, active: version("two"), personalUsers: 2 },
      { device: "b" as DeviceId, isConnected: false, active: version("two"), personalUsers: 0 },
      { device: "c" as DeviceId, isConnected: true, active: version("one"), personalUsers: 1 },
    ],
  );
  expect(plan).toMatchObject({
    ok: true,
    value: {
      generationChange: -1,
      pins: false,
      effects: [
        expect.stringContaining("from generation 4 to 3"),
        "2 of 3 devices change to activity@one00000, 1 of them when they are back",
        "what 2 users' devices learned is trained again from the replay buffer",
      ],
    },
  });
});

it("[HB49] with guards off everything is worked out and nobody obeys it, and the audit says so", () => {
  const story = createStory({ guards: "off" });
  story.begin();
  story.eligibleCount = 4;
  story.look();
  story.eligibleCount = 0;
  story.prepare("two");
  story.validate("fail");
  expect(story.state.challenger).toMatchObject({
    stage: "signing",
    gate: {
      verdict: "promote",
      because: expect.stringMatching(/^although validation failed: .* \(guards are off\)$/),
    },
  });
  story.sign();
  story.serve("two", ["a", "b", "c"], "activated");
  story.pair("a", 400, 0, 99);
  story.wait(60_000);
  expect(story.state.challenger?.stage).toBe("spreading");
  expect(story.audits("rollout.grown")[0]).toMatchObject({
    reason: expect.stringMatching(/^although it harms: evidence of harm .* limit 20/),
    detail: { guards: "off" },
  });
  story.serve("two", ["a", "b", "c", "d", "e"], "baked");
  story.wait(600_000);
  expect(story.audits("rollout.promoted")[0]?.reason).toMatch(
    /devices baked it, although it harms: evidence of harm .* limit 20/,
  );
});

it("[HB50] every stage has a deadline: left alone, a line always comes back to its champion and an open window", () => {
  const stages: ((story: ReturnType<typeof createStory>) => void)[] = [
    (story) => story.look(),
    (story) => story.prepare("two"),
    (story) => story.validate(),
    (story) => {
      for (const device of ["a", "b", "c"]) story.pair(device, 40, 6, 0);
      story.look();
    },
    (story) => story.sign(),
    (story) => goodCanary(story),
  ];
  for (let reached = 1; reached <= stages.length; reached += 1) {
    const story = createStory();
    story.begin();
    story.eligibleCount = 4;
    for (const stage of stages.slice(0, reached)) {
      stage(story);
      story.eligibleCount = 0;
    }
    story.pairs = [];
    story.receipts = [];
    for (let looks = 0; story.state.challenger !== null; looks += 1) {
      expect(looks).toBeLessThan(20);
      const next = nextLookAtMs(story.state, story.view());
      expect(next).not.toBeNull();
      story.nowMs = Math.max(next ?? 0, story.nowMs + 1);
      story.look();
    }
    expect(story.state.champion).toBe(version("one"));
  }
});

it("[HB51] results of a challenger that has ended are dropped", () => {
  const story = createStory();
  story.begin();
  story.eligibleCount = 4;
  story.look();
  const challengerId = story.state.challenger?.id ?? 0;
  story.tell({ type: "prepareFailed", challengerId, reason: "overflow" });
  const before = story.state;
  story.tell({ type: "prepareFailed", challengerId, reason: "again" });
  story.tell({ type: "validated", challengerId, checks: [] });
  expect(story.state.challenger).toEqual(before.challenger);
  expect(story.state.champion).toBe(version("one"));
});
