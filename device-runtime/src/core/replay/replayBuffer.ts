// The labelled windows that a user's training rehearses: balanced over classes, within a bound of bytes. It must not train, and must not
// know what a window means.
import { Defect } from "@attune/protocol";
import { type ForkableRandom, intBelow, type Random, uniform } from "../../ports/random.ts";

/** A labelled window. Never changed once it is kept, so that a training may hold on to it. */
export interface ReplaySample {
  readonly x: Float32Array;
  /** Class index. */
  readonly label: number;
  readonly atMs: number;
}

/** What became of an offered sample: all that a store has to write. */
export interface ReplayPlacement {
  /** How many samples were offered before this one. */
  readonly offerIndex: number;
  /** Where it is now, or null when it was not taken. */
  readonly slot: number | null;
  /** Class of the sample that had to go for it, or null. */
  readonly replacedLabel: number | null;
}

/** All that a {@link ReplayBuffer} remembers; plain data. */
export interface ReplayState {
  readonly offerCount: number;
  /** How often each class was offered. */
  readonly seen: Uint32Array;
  /** 1 for each class that was the largest one when there was no room. */
  readonly wasLargest: Uint8Array;
  readonly samples: readonly ReplaySample[];
}

/** What {@link createReplayBuffer} is told. */
export interface ReplayOptions {
  /** Numbers in one window. */
  readonly sampleLength: number;
  readonly classCount: number;
  /** Bound of the memory for samples. */
  readonly bytesMax: number;
  /** The buffer's own stream. */
  readonly random: ForkableRandom;
}

/** Kept samples. One owner. */
export interface ReplayBuffer {
  readonly capacity: number;
  readonly count: number;
  /** Bytes of the samples that are kept. */
  readonly bytes: number;
  /** How many samples of each class are kept. */
  labelCounts(): Uint32Array;
  /**
   * Offers a sample; it is copied when it is taken.
   *
   * What happens depends on the seed, the offers so far and nothing else: a buffer that is rebuilt by the same offers, or
   * restored in between, is the same to the byte.
   *
   * @throws {@link Defect} `replay.sample_invalid`.
   */
  offer(x: Float32Array, label: number, atMs: number): ReplayPlacement;
  /** The samples by slot: a list of its own, of samples that never change. */
  samples(): readonly ReplaySample[];
  state(): ReplayState;
  /** Becomes what `state` says. @throws {@link Defect} `replay.state_invalid`. */
  restore(state: ReplayState): void;
}

/** A sample's label, time and place besides its numbers. */
const sampleOverheadBytes = 32;

/**
 * Creates an empty buffer.
 *
 * While there is room everything is kept. Then a sample of a class that was never the largest takes the place of a random one of a largest
 * class; one of a class that was takes the place of a random one of its own, with the probability kept/offered that makes a
 * reservoir of that class. So rare classes stay whole and each class is a fair draw from all that was offered of it.
 *
 * @throws {@link Defect} `replay.options_invalid` when not even one sample has room.
 * @see Chrysakis and Moens 2020, "Online continual learning from imbalanced data", algorithm 1. Deviation: none.
 */
export function createReplayBuffer(options: ReplayOptions): ReplayBuffer {
  const { sampleLength, classCount, bytesMax, random } = options;
  const sampleBytes = sampleLength * Float32Array.BYTES_PER_ELEMENT + sampleOverheadBytes;
  const capacity = Math.floor(bytesMax / sampleBytes);
  if (!(capacity >= 1 && sampleLength >= 1 && classCount >= 1)) {
    throw new Defect(
      "replay.options_invalid",
      `${bytesMax} bytes for samples of ${sampleBytes} bytes and ${classCount} classes; at least one must have room`,
    );
  }
  let offerCount = 0;
  let seen = new Uint32Array(classCount);
  let wasLargest = new Uint8Array(classCount);
  let slots: ReplaySample[] = [];
  let kept = new Uint32Array(classCount);

  /** The slot to give up for a sample of class `label`, or null to keep all. */
  function slotToGiveUp(draw: Random, label: number): number | null {
    const largestCount = kept.reduce((largest, count) => Math.max(largest, count), 0);
    const largest: number[] = [];
    kept.forEach((count, one) => {
      if (count === largestCount) largest.push(one);
    });
    for (const one of largest) wasLargest[one] = 1;
    if (wasLargest[label] === 0) {
      return slotOf(draw, largest[intBelow(draw, largest.length)] as number);
    }
    const ofClass = kept[label] as number;
    return uniform(draw) * (seen[label] as number) < ofClass ? slotOf(draw, label) : null;
  }

  /** A random slot of class `label`, which has some. */
  function slotOf(draw: Random, label: number): number {
    let ahead = intBelow(draw, kept[label] as number);
    return slots.findIndex((sample) => sample.label === label && ahead-- === 0);
  }

  return {
    capacity,
    get count() {
      return slots.length;
    },
    get bytes() {
      return slots.length * sampleBytes;
    },
    labelCounts: () => kept.slice(),
    offer(x, label, atMs) {
      if (
        x.length !== sampleLength ||
        !(Number.isInteger(label) && label >= 0 && label < classCount)
      ) {
        throw new Defect(
          "replay.sample_invalid",
          `a sample of ${x.length} numbers with label ${label}, the buffer takes ${sampleLength} numbers and ${classCount} classes`,
        );
      }
      const offerIndex = offerCount++;
      seen[label] = (seen[label] as number) + 1;
      const slot =
        slots.length < capacity
          ? slots.length
          : slotToGiveUp(random.fork(String(offerIndex)), label);
      if (slot === null) return { offerIndex, slot, replacedLabel: null };
      const replacedLabel = slots[slot]?.label ?? null;
      if (replacedLabel !== null) kept[replacedLabel] = (kept[replacedLabel] as number) - 1;
      kept[label] = (kept[label] as number) + 1;
      slots[slot] = { x: x.slice(), label, atMs };
      return { offerIndex, slot, replacedLabel };
    },
    samples: () => [...slots],
    state: () => ({
      offerCount,
      seen: seen.slice(),
      wasLargest: wasLargest.slice(),
      samples: [...slots],
    }),
    restore(state) {
      const isWhole =
        state.seen.length === classCount &&
        state.wasLargest.length === classCount &&
        state.samples.length <= capacity &&
        state.samples.every(({ x, label }) => x.length === sampleLength && label < classCount);
      if (!isWhole) {
        throw new Defect(
          "replay.state_invalid",
          `a state of ${state.samples.length} samples and ${state.seen.length} classes does not fit a buffer of ${capacity} samples of ${sampleLength} numbers and ${classCount} classes`,
        );
      }
      offerCount = state.offerCount;
      seen = Uint32Array.from(state.seen);
      wasLargest = Uint8Array.from(state.wasLargest);
      slots = [...state.samples];
      kept = new Uint32Array(classCount);
      for (const { label } of slots) kept[label] = (kept[label] as number) + 1;
    },
  };
}
