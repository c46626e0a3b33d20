// Raw samples to sliding windows. It must not scale them: windows are raw until a model answers.
import { assertDefect } from "@attune/protocol";
import { type Preprocessing, windowLength } from "./preprocessing.ts";

/** Cuts one stream of samples into windows. One owner; pushing changes it. */
export interface Windower {
  /**
   * Takes in samples, any number of them.
   *
   * @param samples `(k, channels)`, row by row, in time order; copied
   * @returns the windows that they complete, oldest first, each a fresh array in the package's layout
   * @throws Defect `windower.samples_incomplete` when the last sample lacks channels
   */
  push(samples: Float32Array): readonly Float32Array[];
  /** Forgets the samples so far, as after a gap in the stream. */
  clear(): void;
}

/**
 * Creates a windower.
 *
 * - State: one window of samples. A hop longer than the window skips samples between windows.
 *
 * @example
 * const windower = createWindower({ labels: ["a", "b"], channels: [{ name: "x", offset: 0, scale: 1 }], windowSamples: 2, hopSamples: 1, sampleRateHz: 1, layout: "channelsFirst" });
 * windower.push(Float32Array.of(1, 2, 3)); // => [Float32Array.of(1, 2), Float32Array.of(2, 3)]
 */
export function createWindower(preprocessing: Preprocessing): Windower {
  const { channels, windowSamples, hopSamples, layout } = preprocessing;
  const channelCount = channels.length;
  // A ring of whole samples, sample by sample.
  const ring = new Float32Array(windowLength(preprocessing));
  let sampleCount = 0;

  function window(): Float32Array {
    const out = new Float32Array(ring.length);
    for (let sample = 0; sample < windowSamples; sample += 1) {
      const from = ((sampleCount + sample) % windowSamples) * channelCount;
      for (let channel = 0; channel < channelCount; channel += 1) {
        const to =
          layout === "channelsFirst"
            ? channel * windowSamples + sample
            : sample * channelCount + channel;
        out[to] = ring[from + channel] as number;
      }
    }
    return out;
  }

  return {
    push(samples) {
      assertDefect(
        samples.length % channelCount === 0,
        "windower.samples_incomplete",
        `${samples.length} values are not whole samples of ${channelCount} channels`,
      );
      const windows: Float32Array[] = [];
      for (let at = 0; at < samples.length; at += channelCount) {
        ring.set(
          samples.subarray(at, at + channelCount),
          (sampleCount % windowSamples) * channelCount,
        );
        sampleCount += 1;
        const past = sampleCount - windowSamples;
        if (past >= 0 && past % hopSamples === 0) windows.push(window());
      }
      return windows;
    },
    clear() {
      sampleCount = 0;
    },
  };
}
