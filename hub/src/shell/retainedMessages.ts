// Keeps the broker's retained messages equal to what the hub's memory says: trust root, decisions, assignments, small blobs.
// Level-triggered: it looks at what should be there, not at what happened. It must not decide what should be there for a device.
import {
  type BlobRef,
  type Decision,
  type Digest,
  decisionMessage,
  decodeMessage,
  MQTT_PAYLOAD_BYTES_MAX,
  topics,
  unwrap,
} from "@attune/protocol";
import type { HubContext } from "./hubContext.ts";
import { createSerialQueue } from "./serialQueue.ts";

/** The retained messages of one hub. */
export interface RetainedMessages {
  /** Brings the broker up to date with the memory; resolves when the broker has it all, or it could not be reached. */
  reconcile(): Promise<void>;
  /** Forgets what the broker has, because it may have lost it, and publishes everything again. */
  republish(): Promise<void>;
}

/** Creates the keeper; nothing is published before the first call. */
export function createRetainedMessages(context: HubContext): RetainedMessages {
  const { fleet, memory, blobs, broker } = context;
  const queue = createSerialQueue();
  /** What the broker has been given: for each topic the bytes' identity. */
  const published = new Map<string, string>();
  let isQueued = false;

  const wanted = (): Map<
    string,
    { readonly key: string; readonly load: () => Promise<Uint8Array | null> }
  > => {
    const messages = new Map<
      string,
      { readonly key: string; readonly load: () => Promise<Uint8Array | null> }
    >();
    const add = (topic: string, key: string, load: () => Promise<Uint8Array | null>): void => {
      messages.set(topic, { key, load });
    };
    // Blobs first: a device that reads a decision finds what it names.
    for (const ref of wantedBlobs(context)) {
      add(topics.blob(fleet, ref.digest), ref.digest, () => blobs.get(ref.digest));
    }
    const root = [...memory.trustRoots.values()].at(-1);
    if (root !== undefined) {
      add(topics.trustRoot(fleet), root.fingerprint, () => Promise.resolve(root.frame));
    }
    for (const { row } of memory.devices.values()) {
      if (row.status === "retired") continue;
      const topic = topics.down(fleet, row.device, "assignment");
      add(topic, String(row.assignmentSequence), () => Promise.resolve(row.assignment));
    }
    for (const row of memory.decisions.values()) {
      const topic = topics.decision(fleet, row.line, row.cohort);
      add(topic, String(row.decisionSequence), () => Promise.resolve(row.frame));
    }
    return messages;
  };

  const bringUpToDate = async (): Promise<void> => {
    isQueued = false;
    const messages = wanted();
    try {
      for (const [topic, { key, load }] of messages) {
        if (published.get(topic) === key) continue;
        const bytes = await load();
        if (bytes === null) continue;
        await broker.publish(topic, bytes, true);
        published.set(topic, key);
      }
      for (const topic of published.keys()) {
        if (messages.has(topic)) continue;
        await broker.publish(topic, new Uint8Array(), true);
        published.delete(topic);
      }
    } catch (error) {
      // The broker's return calls `republish`: until then there is nothing to do.
      context.fault(error);
    }
  };

  return {
    reconcile() {
      if (isQueued) return queue.drained();
      isQueued = true;
      return queue.run(bringUpToDate);
    },
    republish() {
      published.clear();
      return queue.run(bringUpToDate);
    },
  };
}

/** Blobs that fit MQTT and that a current decision names, directly or through a release record. */
function wantedBlobs({ memory }: HubContext): readonly BlobRef[] {
  const refs = new Map<Digest, BlobRef>();
  const add = (ref: BlobRef): void => {
    if (ref.bytes > 0 && ref.bytes <= MQTT_PAYLOAD_BYTES_MAX) refs.set(ref.digest, ref);
  };
  for (const row of memory.decisions.values()) {
    const decision: Decision = unwrap(decodeMessage(decisionMessage, row.frame)).value;
    if (decision.shadow !== undefined) add(decision.shadow.delta);
    for (const target of [decision.champion, decision.rollout?.target]) {
      if (target === undefined) continue;
      add(target.record);
      const version = memory.versions.get(target.version);
      if (version === undefined) continue;
      for (const part of Object.values(version.parts) as BlobRef[]) add(part);
      if (version.delta !== null) add(version.delta.blob);
    }
  }
  return [...refs.values()];
}
