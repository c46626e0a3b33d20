// From raw samples to model input, and what the classes are called. It must not know any model.

/** One sensor channel. */
export interface Channel {
  readonly name: string;
  /** In raw units. */
  readonly offset: number;
  /** Model input = (raw - offset) * scale; not 0. */
  readonly scale: number;
}

/** How a model sees the world. Part of the ModelVersion, because it decides answers. */
export interface Preprocessing {
  /** Class index to label, each once, `2 <= K <= 1024`. */
  readonly labels: readonly string[];
  readonly channels: readonly Channel[];
  /** Samples of one window; 1 for feature vectors. */
  readonly windowSamples: number;
  /** From one window's start to the next one's, `>= 1`. */
  readonly hopSamples: number;
  readonly sampleRateHz: number;
  /** Of one window, raw or as model input: `[channel][sample]` or `[sample][channel]`. */
  readonly layout: "channelsFirst" | "samplesFirst";
}

/**
 * Numbers in one window.
 *
 * @example
 * windowLength({ labels: ["a", "b"], channels: [{ name: "x", offset: 0, scale: 1 }], windowSamples: 128, hopSamples: 64, sampleRateHz: 50, layout: "channelsFirst" }); // => 128
 */
export function windowLength({
  channels,
  windowSamples,
}: Pick<Preprocessing, "channels" | "windowSamples">): number {
  return channels.length * windowSamples;
}

/**
 * Scales raw windows to model input: `(raw - offset) * scale`, per channel.
 *
 * - Shape: `windows` and `into` are `(n, windowLength)`; `into` may be longer, and may be `windows` itself.
 * - Allocates nothing.
 *
 * @param count windows to scale, `n`
 */
export function toModelInput(
  { channels, windowSamples, layout }: Preprocessing,
  windows: Float32Array,
  count: number,
  into: Float32Array,
): void {
  const channelCount = channels.length;
  const length = channelCount * windowSamples;
  for (let channel = 0; channel < channelCount; channel += 1) {
    const { offset, scale } = channels[channel] as Channel;
    const first = layout === "channelsFirst" ? channel * windowSamples : channel;
    const stride = layout === "channelsFirst" ? 1 : channelCount;
    for (let window = 0; window < count; window += 1) {
      let at = window * length + first;
      for (let sample = 0; sample < windowSamples; sample += 1) {
        into[at] = ((windows[at] as number) - offset) * scale;
        at += stride;
      }
    }
  }
}

/** Whether what was learned under one preprocessing still means the same under another: same windows, same classes. */
export function isSameTask(a: Preprocessing, b: Preprocessing): boolean {
  return (
    a.windowSamples === b.windowSamples &&
    a.layout === b.layout &&
    a.labels.length === b.labels.length &&
    a.labels.every((label, index) => label === b.labels[index]) &&
    a.channels.length === b.channels.length &&
    a.channels.every(({ name }, index) => name === b.channels[index]?.name)
  );
}
