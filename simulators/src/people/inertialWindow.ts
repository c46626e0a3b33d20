// The shape in which inertial signals travel, the same for generated and for real people. It must not know where they come from.

/** Samples a second, every channel. */
export const SAMPLE_RATE_HZ = 50;
/** acc x, y, z in g, then gyro x, y, z in rad/s. */
export const CHANNEL_COUNT = 6;
/** Samples of one window: 2.56 s, at least two strides of a slow walker. */
export const WINDOW_SAMPLES = 128;
/** Samples from one window's start to the next one's: windows overlap by half, as in HAPT. */
export const HOP_SAMPLES = 64;
/** Milliseconds of one hop: 64 samples at 50 Hz. */
export const HOP_MS = 1280;
/** Numbers in one window: 6 channels of 128 samples. */
export const WINDOW_SIZE: number = CHANNEL_COUNT * WINDOW_SAMPLES;

/** One labelled window of one person. */
export interface LabelledWindow {
  /** When its first sample was taken, ms of the stream's own time. */
  readonly startMs: number;
  /** When its last sample has arrived and it can be predicted, `startMs + 2560`. */
  readonly endMs: number;
  /** Place in `activities`. */
  readonly label: number;
  /**
   * Shape `(6, 128)`, channels first, as models take it: the 128 samples of acc x, then those of acc y, and so on. Range: acc within
   * 8 g, gyro within 35 rad/s. Belongs to whoever receives it.
   */
  readonly samples: Float32Array;
}
