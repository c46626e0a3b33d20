// What can happen to a model line, what it can see, and what it asks the shell to do. Types only.
import type { BlobRef, CohortId, ModelVersion, PersonalFate } from "@attune/protocol";
import type { LinePolicy } from "../../policy.ts";
import type { GateCheck, GateReport } from "../gate/gateCheck.ts";
import type { DecisionPlan, LineState } from "./lineState.ts";
import type { RolloutObservations } from "./rolloutHealth.ts";

/** What happened. Results of work carry the challenger's id, so that late ones are dropped. */
export type LineEvent =
  /** Time passed, or something in the view changed. */
  | { readonly type: "looked" }
  | { readonly type: "cohortAdded"; readonly cohort: CohortId }
  /** A device joined a cohort: its decision is given out again under a higher sequence, which the device has not seen. */
  | { readonly type: "cohortJoined"; readonly cohort: CohortId; readonly reason: string }
  /** Release records are signed by other keys now: every decision is given out again and names them. */
  | { readonly type: "trustChanged"; readonly reason: string }
  | {
      readonly type: "imported";
      readonly version: ModelVersion;
      readonly securityEpoch: number;
      readonly actor: string;
    }
  | {
      readonly type: "prepared";
      readonly challengerId: number;
      readonly version: ModelVersion;
      readonly delta: BlobRef | null;
      readonly shadowVersion: ModelVersion | null;
      readonly deltaMissing: string;
      readonly norm: number | null;
      readonly contributionCount: number;
    }
  | { readonly type: "prepareFailed"; readonly challengerId: number; readonly reason: string }
  | {
      readonly type: "validated";
      readonly challengerId: number;
      readonly checks: readonly GateCheck[];
    }
  | { readonly type: "validationFailed"; readonly challengerId: number; readonly reason: string }
  | {
      readonly type: "approvalGiven";
      readonly verdict: "promote" | "reject";
      readonly reason: string;
      readonly actor: string;
    }
  | { readonly type: "signed"; readonly request: string; readonly actor: string }
  | {
      readonly type: "signingRefused";
      readonly request: string;
      readonly code: string;
      readonly message: string;
      readonly actor: string;
    }
  | { readonly type: "haltOrdered"; readonly reason: string; readonly actor: string }
  | { readonly type: "proceedOrdered"; readonly reason: string; readonly actor: string }
  | {
      readonly type: "rollbackOrdered";
      readonly cohort: CohortId;
      readonly to: ModelVersion;
      readonly personal: PersonalFate;
      readonly reason: string;
      readonly actor: string;
    }
  | {
      readonly type: "pinRemoved";
      readonly cohort: CohortId;
      readonly reason: string;
      readonly actor: string;
    };

/** What a line sees when something happens. */
export interface LineView extends RolloutObservations {
  readonly nowMs: number;
  readonly policy: LinePolicy;
  /** Devices whose waiting contributions the window would take now. */
  readonly eligibleCount: number;
  readonly hasValidationSet: boolean;
}

/** What became of a version. */
export type VersionStatus =
  | "candidate"
  | "rejected"
  | "released"
  | "champion"
  | "retired"
  | "rolled-back";

/** What the shell does; all effects of one step are committed in one transaction with the new state. */
export type LineEffect =
  | {
      readonly type: "audit";
      readonly action: string;
      readonly actor: string;
      readonly subject: string;
      readonly reason: string;
      readonly detail: Readonly<Record<string, unknown>>;
    }
  /** The eligible contributions belong to this window from now on. */
  | { readonly type: "closeWindow"; readonly window: number }
  | {
      readonly type: "requestSignature";
      readonly request: string;
      readonly version: ModelVersion;
      readonly gate: GateReport;
      readonly deadlineAtMs: number;
    }
  | {
      readonly type: "closeSigning";
      readonly request: string;
      readonly state: "expired" | "refused";
      readonly code: string;
      readonly message: string;
    }
  | { readonly type: "setStatus"; readonly version: ModelVersion; readonly status: VersionStatus }
  | { readonly type: "storeGate"; readonly version: ModelVersion; readonly gate: GateReport }
  | { readonly type: "decide"; readonly plan: DecisionPlan };

/** A step's result. `state` is the very same object when nothing changed. */
export interface LineStep {
  readonly state: LineState;
  readonly effects: readonly LineEffect[];
}

/** Work that a state waits for; derived again after a restart. */
export type PendingWork =
  | { readonly kind: "aggregate"; readonly challengerId: number; readonly window: number }
  | { readonly kind: "compare"; readonly challengerId: number; readonly version: ModelVersion }
  | {
      readonly kind: "validate";
      readonly challengerId: number;
      readonly version: ModelVersion;
      readonly champion: ModelVersion | null;
    };
