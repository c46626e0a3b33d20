// Reads a limb's motion through a wearable: mirror, slide, rattle, attitude, bias, noise, limits. It must not know what the limb does.
import type { ForkableRandom, Random } from "@attune/device-runtime";
import type { Condition } from "./change.ts";
import {
  CHANNEL_COUNT,
  HOP_SAMPLES,
  SAMPLE_RATE_HZ,
  WINDOW_SAMPLES,
  WINDOW_SIZE,
} from "./inertialWindow.ts";
import { rotateInPlace } from "./rotation.ts";
import { ACC_LIMIT_G, attitudeUnder, GYRO_LIMIT_RAD_S, type Mounting } from "./wearing.ts";

/** Writes one hop of a limb's motion, 64 samples of 6 channels, sample after sample, in the limb's frame. */
export type WriteHop = (hop: number, condition: Condition, into: Float64Array) => void;

/** What a wearable's sensor delivers. */
export interface Sensor {
  /** The window of 128 samples that starts at a hop, shape `(6, 128)`; the caller's own. */
  readWindow(hop: number): Float32Array;
}

/**
 * Creates the sensor of one wearable for a stretch of time.
 *
 * - A hop's noise depends on the random's seed and the hop only, so overlapping windows agree on the samples that they share.
 * - Keeps the last two hops, so windows that overlap by half cost one hop each.
 *
 * @param random its forks are used, it is not drawn from
 * @param conditionOf of a hop
 */
export function createSensor(
  random: ForkableRandom,
  mounting: Mounting,
  writeHop: WriteHop,
  conditionOf: (hop: number) => Condition,
): Sensor {
  const kept: { hop: number; samples: Float64Array }[] = [];

  const hopSamples = (hop: number): Float64Array => {
    const known = kept.find((entry) => entry.hop === hop);
    if (known !== undefined) return known.samples;
    const oldest = kept.length < 2 ? undefined : kept.shift();
    const samples = oldest?.samples ?? new Float64Array(CHANNEL_COUNT * HOP_SAMPLES);
    const condition = conditionOf(hop);
    writeHop(hop, condition, samples);
    readThrough(random.fork(String(hop)), mounting, hop, condition, samples);
    kept.push({ hop, samples });
    return samples;
  };

  return {
    readWindow: (hop) => {
      const window = new Float32Array(WINDOW_SIZE);
      for (let half = 0; half < 2; half++) {
        const samples = hopSamples(hop + half);
        for (let channel = 0; channel < CHANNEL_COUNT; channel++) {
          const start = channel * WINDOW_SAMPLES + half * HOP_SAMPLES;
          for (let sample = 0; sample < HOP_SAMPLES; sample++) {
            window[start + sample] = samples[CHANNEL_COUNT * sample + channel] as number;
          }
        }
      }
      return window;
    },
  };
}

function readThrough(
  random: Random,
  mounting: Mounting,
  hop: number,
  condition: Condition,
  samples: Float64Array,
): void {
  const attitude = attitudeUnder(mounting, condition);
  for (let sample = 0; sample < HOP_SAMPLES; sample++) {
    const offset = CHANNEL_COUNT * sample;
    if (mounting.isMirrored) mirror(samples, offset);
    if (mounting.slide > 0) {
      const seconds = (hop * HOP_SAMPLES + sample) / SAMPLE_RATE_HZ;
      slideAround(samples, offset, mounting.slide * wander(seconds));
      rattle(random, samples, offset, mounting.rattle);
    }
    rotateInPlace(attitude, samples, offset);
    rotateInPlace(attitude, samples, offset + 3);
    for (let channel = 0; channel < CHANNEL_COUNT; channel++) {
      const isAcc = channel < 3;
      const limit = isAcc ? ACC_LIMIT_G : GYRO_LIMIT_RAD_S;
      const noise = isAcc ? mounting.accNoise : mounting.gyroNoise;
      const exact = (samples[offset + channel] as number) + (mounting.bias[channel] as number);
      const read = exact + noise * nearlyNormal(random);
      samples[offset + channel] = Math.min(limit, Math.max(-limit, read));
    }
  }
}

/** Left for right: a force changes the sign of y, a turning rate (which is no arrow but a sense of turning) the signs of x and z. */
function mirror(samples: Float64Array, offset: number): void {
  samples[offset + 1] = -(samples[offset + 1] as number);
  samples[offset + 3] = -(samples[offset + 3] as number);
  samples[offset + 5] = -(samples[offset + 5] as number);
}

/** Where a loose strap is, between -1 and 1: two slow waves of some minutes and half a minute. */
function wander(seconds: number): number {
  return 0.6 * Math.sin(0.043 * seconds) + 0.4 * Math.sin(0.171 * seconds + 1);
}

function slideAround(samples: Float64Array, offset: number, angle: number): void {
  const cosine = Math.cos(angle);
  const sine = Math.sin(angle);
  for (let first = offset; first <= offset + 3; first += 3) {
    const y = samples[first + 1] as number;
    const z = samples[first + 2] as number;
    samples[first + 1] = cosine * y + sine * z;
    samples[first + 2] = cosine * z - sine * y;
  }
}

/** Shocks of the loose case, as loud as what moves it at the moment. */
function rattle(random: Random, samples: Float64Array, offset: number, loudness: number): void {
  const force = Math.hypot(
    samples[offset] as number,
    samples[offset + 1] as number,
    samples[offset + 2] as number,
  );
  const size = loudness * Math.abs(force - 1);
  for (let channel = offset; channel < offset + 3; channel++) {
    samples[channel] = (samples[channel] as number) + size * nearlyNormal(random);
  }
}

/**
 * A number of mean 0 and deviation 1 from one draw: the sum of its four bytes, bell-shaped and never beyond 3.46. Sensor noise needs
 * no tails, and it is nine tenths of all draws.
 */
function nearlyNormal(random: Random): number {
  const word = random.nextUint32();
  const sum = (word & 255) + ((word >>> 8) & 255) + ((word >>> 16) & 255) + (word >>> 24);
  return (sum - 510) / 147.8;
}
