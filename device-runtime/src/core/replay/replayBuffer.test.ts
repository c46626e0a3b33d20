import { Defect } from "@attune/protocol";
import fc from "fast-check";
import { expect, it } from "vitest";
import { createSeededRandom } from "../../adapters/seededRandom.ts";
import { createReplayBuffer, type ReplayBuffer } from "./replayBuffer.ts";

/** A buffer of samples of one number, with room for `capacity`. */
function bufferOf(capacity: number, classCount: number, seed = "replay"): ReplayBuffer {
  return createReplayBuffer({
    sampleLength: 1,
    classCount,
    bytesMax: capacity * (4 + 32),
    random: createSeededRandom(seed),
  });
}

const sum = (counts: Iterable<number>): number =>
  [...counts].reduce((total, count) => total + count, 0);

it("[LC40] a buffer never holds more bytes than its bound, and says what it holds", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 12 }),
      fc.array(fc.nat(3), { maxLength: 80 }),
      (capacity, labels) => {
        const buffer = bufferOf(capacity, 4);
        labels.forEach((label, index) => buffer.offer(Float32Array.of(index), label, index));
        expect(buffer.capacity).toBe(capacity);
        expect(buffer.count).toBe(Math.min(capacity, labels.length));
        expect(buffer.bytes).toBeLessThanOrEqual(capacity * 36);
        expect(sum(buffer.labelCounts())).toBe(buffer.count);
        const samples = buffer.samples();
        expect(samples).toHaveLength(buffer.count);
        for (const { x, label } of samples) expect(labels[x[0] as number]).toBe(label);
        expect(new Set(samples.map(({ x }) => x[0])).size).toBe(samples.length);
      },
    ),
  );
});

it("[LC40] a placement says which slot was written and whose sample had to go", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(2), { maxLength: 60 }), (labels) => {
      const buffer = bufferOf(5, 3);
      const mirror: number[] = [];
      labels.forEach((label, index) => {
        const before = buffer.labelCounts();
        const { offerIndex, slot, replacedLabel } = buffer.offer(Float32Array.of(index), label, 0);
        expect(offerIndex).toBe(index);
        if (slot !== null) mirror[slot] = index;
        const after = buffer.labelCounts();
        for (let one = 0; one < 3; one++) {
          const change = (slot !== null && one === label ? 1 : 0) - (one === replacedLabel ? 1 : 0);
          expect((after[one] as number) - (before[one] as number)).toBe(change);
        }
      });
      expect(buffer.samples().map(({ x }) => x[0])).toEqual(mirror);
    }),
  );
});

it("[LC41] a rare class stays whole while a common one gives way", () => {
  const buffer = bufferOf(40, 3);
  const random = createSeededRandom("stream");
  for (let index = 0; index < 5000; index++) {
    const label = index % 500 === 250 ? 2 : random.nextUint32() % 10 === 0 ? 1 : 0;
    buffer.offer(Float32Array.of(index), label, index);
  }
  const counts = buffer.labelCounts();
  expect(counts[2]).toBe(10);
  expect(Math.abs((counts[0] as number) - (counts[1] as number))).toBeLessThanOrEqual(1);
});

it("[LC41] each class is a fair draw from all that was offered of it", () => {
  // Mean place of the kept samples of the common class, over many buffers: the middle of the stream.
  let meanPlace = 0;
  const repeats = 400;
  for (let repeat = 0; repeat < repeats; repeat++) {
    const buffer = bufferOf(10, 2, `fair ${repeat}`);
    for (let index = 0; index < 200; index++) buffer.offer(Float32Array.of(index), 0, 0);
    meanPlace += sum(buffer.samples().map(({ x }) => x[0] as number)) / 10 / repeats;
  }
  // Deviation of the mean of 10 out of 0..199 is 17.8; five of each over 400 repeats.
  expect(Math.abs(meanPlace - 99.5)).toBeLessThan((5 * 17.8) / Math.sqrt(repeats));
});

it("[LC42] rebuilt by the same offers, or restored half-way, a buffer is the same to the byte", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(2), { maxLength: 100 }), fc.nat(100), (labels, cut) => {
      const whole = bufferOf(7, 3);
      let parts = bufferOf(7, 3);
      labels.forEach((label, index) => {
        if (index === cut) {
          const state = structuredClone(parts.state());
          parts = bufferOf(7, 3);
          parts.restore(state);
        }
        expect(parts.offer(Float32Array.of(index), label, index)).toEqual(
          whole.offer(Float32Array.of(index), label, index),
        );
      });
      expect(parts.state()).toEqual(whole.state());
    }),
  );
});

it("[LC42] samples that were handed out never change", () => {
  const buffer = bufferOf(3, 1);
  const mine = Float32Array.of(7);
  buffer.offer(mine, 0, 0);
  mine[0] = 8;
  const held = buffer.samples();
  for (let index = 0; index < 100; index++) buffer.offer(Float32Array.of(100 + index), 0, 0);
  expect(held).toHaveLength(1);
  expect(held[0]?.x[0]).toBe(7);
});

it("[LC40] samples, states and bounds that do not fit are defects", () => {
  const buffer = bufferOf(3, 2);
  expect(() => buffer.offer(Float32Array.of(1, 2), 0, 0)).toThrow(Defect);
  for (const label of [-1, 2, 0.5])
    expect(() => buffer.offer(Float32Array.of(1), label, 0)).toThrow(Defect);
  expect(() => buffer.restore(bufferOf(3, 3).state())).toThrow(Defect);
  const larger = bufferOf(4, 2);
  for (let index = 0; index < 4; index++) larger.offer(Float32Array.of(1), 0, 0);
  expect(() => buffer.restore(larger.state())).toThrow(Defect);
  expect(() => bufferOf(0, 2)).toThrow(Defect);
});
