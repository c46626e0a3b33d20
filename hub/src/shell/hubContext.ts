// What the parts of a running hub share: ports, memory, the commit, and who listens. It must not hold policy.
import type { Cryptography, Fault, FleetId, KeyPair } from "@attune/protocol";
import type { BlobFolder } from "../adapters/blobFolder.ts";
import type { AuditEntry, AuditRow } from "../core/audit/auditChain.ts";
import { FAULTS_KEPT_MAX } from "../limits.ts";
import type { Broker } from "../ports/broker.ts";
import type { Clock } from "../ports/clock.ts";
import type { Random } from "../ports/random.ts";
import type { Store, StoreChange } from "../ports/store.ts";
import { applyToMemory, type HubMemory, noteAudit } from "./hubMemory.ts";
import { createSerialQueue, type SerialQueue } from "./serialQueue.ts";

/** A fault that happened in the background. */
export interface FaultNote {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly atMs: number;
}

/** The ports of a running hub. */
export interface HubPorts {
  readonly fleet: FleetId;
  readonly clock: Clock;
  readonly random: Random;
  readonly cryptography: Cryptography;
  readonly store: Store;
  readonly blobs: BlobFolder;
  readonly broker: Broker;
  /** The hub's online key: it decides, it never releases. */
  readonly onlineKey: KeyPair;
}

/** What the parts of a running hub share. */
export interface HubContext extends HubPorts {
  readonly memory: HubMemory;
  /** Acts of operators, enrolments and lines: one at a time. */
  readonly acts: SerialQueue;
  readonly faults: readonly FaultNote[];
  /** One transaction, then the memory, then whoever listens. */
  commit(changes: readonly StoreChange[], audit: readonly AuditEntry[]): Promise<void>;
  /** Audit rows that were committed elsewhere (intake). */
  audited(rows: readonly AuditRow[]): void;
  /** Something that the state document shows has changed. */
  changed(): void;
  /** Something failed in the background; nothing that was promised is lost by it. */
  fault(error: unknown): void;
}

/** Who is told. */
export interface HubListeners {
  readonly onAudit: (row: AuditRow) => void;
  readonly onChange: () => void;
  readonly onFault: (fault: Fault) => void;
}

/** Joins ports and memory. */
export function createHubContext(
  ports: HubPorts,
  memory: HubMemory,
  listeners: HubListeners,
): HubContext {
  let faults: readonly FaultNote[] = [];
  const context: HubContext = {
    ...ports,
    memory,
    acts: createSerialQueue(),
    get faults() {
      return faults;
    },
    async commit(changes, audit) {
      const rows = await ports.store.commit(changes, audit);
      for (const change of changes) applyToMemory(memory, change);
      context.audited(rows);
      listeners.onChange();
    },
    audited(rows) {
      noteAudit(memory, rows);
      for (const row of rows) listeners.onAudit(row);
    },
    changed: () => listeners.onChange(),
    fault(error) {
      const fault = error as Partial<Fault>;
      const note = {
        code: fault.code ?? "hub.failed",
        message: error instanceof Error ? error.message : String(error),
        hint: fault.hint ?? "this is a mistake in the hub; please report it",
        atMs: ports.clock.nowMs(),
      };
      // What fails again and again is one thing to mend, and must not push out the others.
      const others = faults.filter(
        ({ code, message }) => code !== note.code || message !== note.message,
      );
      faults = [note, ...others].slice(0, FAULTS_KEPT_MAX);
      listeners.onFault(error as Fault);
      listeners.onChange();
    },
  };
  return context;
}
