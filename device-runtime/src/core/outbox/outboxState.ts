// What waits for the hub's receipt. It must not know how a message is sent.
import type { DecisionOutcome, Digest, ModelVersion } from "@attune/protocol";

/** One message that is sent again until the hub says that it is durable, or refused. */
export interface OutboxEntry {
  readonly kind: "contribution" | "receipt";
  /** Of the whole frame; the hub's receipt names it. */
  readonly digest: Digest;
  readonly bytes: number;
  /** The frame of a receipt. A contribution's is a file of its own: see `outboxFileName`. */
  readonly frame: Uint8Array | null;
  readonly createdAtMs: number;
  /** Whose training it came from, so that erasing the user or withdrawing consent finds it. */
  readonly user: string | null;
  /** The personal layer that it was made from: after a cut the same layer is not contributed twice. */
  readonly layer: Digest | null;
}

/** A message that the hub has answered. */
export interface SettledMessage {
  readonly kind: OutboxEntry["kind"];
  readonly digest: Digest;
  readonly outcome: "committed" | "refused";
  /** A refusal code, or empty. */
  readonly code: string;
  readonly atMs: number;
}

/** A receipt that is not signed yet. */
export interface OwedReceipt {
  readonly decisionSequence: number;
  readonly outcome: DecisionOutcome;
  /** The version that served after it. */
  readonly active: ModelVersion;
  /** A refusal code, or empty. */
  readonly code: string;
  readonly message: string;
  readonly owedAtMs: number;
}

/** Kept on disk. */
export interface OutboxState {
  /** Oldest first. */
  readonly entries: readonly OutboxEntry[];
  /** Oldest first; left out while there are none. */
  readonly owed?: readonly OwedReceipt[];
  /** Sequence of the next contribution; rises by one with each. */
  readonly nextContributionSequence: number;
  /** Messages thrown away because the outbox was full, or because consent was withdrawn. */
  readonly droppedCount: number;
  /** What the hub answered last, oldest first. */
  readonly settled: readonly SettledMessage[];
}

/** How the sending of one entry goes; not kept: a restart sends again. */
export interface Sending {
  readonly phase: "due" | "publishing" | "awaiting";
  readonly attempt: number;
  /** `due`: not before; `publishing`: PUBACK until; `awaiting`: the hub's receipt until. */
  readonly untilMs: number;
}
