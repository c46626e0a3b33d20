// Runs a feature monitor over streams of one wearing and counts. It must not read data or judge the counts.
import {
  createFeatureMonitor,
  type FeatureAlarm,
  type FeatureMonitor,
  type FeatureMonitorPolicy,
  type FeatureMonitorState,
  type FeatureReference,
} from "@attune/device-runtime/monitor";
import type { ForkableRandom } from "@attune/device-runtime/testing";

/** The windows of one wearing: features and what the model predicts for them. */
export interface Wearing {
  readonly person: number;
  /** `(n, featureCount)`. */
  readonly features: Float64Array;
  readonly predictedClasses: Uint8Array;
}

/** How long something was watched, and how often it alarmed. */
export interface WatchCount {
  readonly watchedWindows: number;
  readonly alarmCount: number;
}

/** Windows that were compared, and not learned. */
function watchedWindows(state: FeatureMonitorState): number {
  return state.windowCount - state.baseline.counts.reduce((sum, count) => sum + count, 0);
}

function rowOf(wearing: Wearing, window: number): Float64Array {
  const featureCount = wearing.features.length / wearing.predictedClasses.length;
  return wearing.features.subarray(window * featureCount, (window + 1) * featureCount);
}

function observe(monitor: FeatureMonitor, wearing: Wearing, window: number): FeatureAlarm | null {
  return monitor.observe(rowOf(wearing, window), wearing.predictedClasses[window] as number);
}

/** The stream as it was. */
export function watchInOrder(
  wearing: Wearing,
  reference: FeatureReference,
  policy: FeatureMonitorPolicy,
): WatchCount {
  const monitor = createFeatureMonitor(reference, policy);
  for (let window = 0; window < wearing.predictedClasses.length; window++) {
    observe(monitor, wearing, window);
  }
  const state = monitor.state();
  return { watchedWindows: watchedWindows(state), alarmCount: state.alarmCount };
}

/** Windows of a stream that is made of pieces of a real one: each piece begins anywhere and lasts `blockWindows`. */
function* resampled(
  windowCount: number,
  blockWindows: number,
  random: ForkableRandom,
): Generator<number> {
  for (;;) {
    const from = Math.floor((random.nextUint32() / 2 ** 32) * (windowCount - blockWindows + 1));
    for (let step = 0; step < blockWindows; step++) yield from + step;
  }
}

/** A long stream without drift: pieces of the wearing in random order. */
export function watchResampled(
  wearing: Wearing,
  reference: FeatureReference,
  policy: FeatureMonitorPolicy,
  plan: {
    readonly windows: number;
    readonly blockWindows: number;
    readonly random: ForkableRandom;
  },
): WatchCount {
  const monitor = createFeatureMonitor(reference, policy);
  const stream = resampled(wearing.predictedClasses.length, plan.blockWindows, plan.random);
  for (let step = 0; step < plan.windows; step++) {
    observe(monitor, wearing, stream.next().value as number);
  }
  const state = monitor.state();
  return { watchedWindows: watchedWindows(state), alarmCount: state.alarmCount };
}

/** What was said after a fault began. */
export interface FaultTrial {
  /** Windows to the first alarm; null when none came in time. */
  readonly delayWindows: number | null;
  readonly firstNamed: string | null;
}

/** Learns on the healthy wearing, then goes on with the faulty one for `windowsMax` windows, several times. */
export function tryFault(
  healthy: Wearing,
  faulty: Wearing,
  reference: FeatureReference,
  policy: FeatureMonitorPolicy,
  plan: {
    readonly trialCount: number;
    readonly learningWindows: number;
    readonly windowsMax: number;
    readonly blockWindows: number;
    readonly random: ForkableRandom;
  },
): readonly FaultTrial[] {
  const learner = createFeatureMonitor(reference, policy);
  const stream = resampled(healthy.predictedClasses.length, plan.blockWindows, plan.random);
  for (let step = 0; step < plan.learningWindows; step++) {
    observe(learner, healthy, stream.next().value as number);
  }
  const learned = learner.state();
  return Array.from({ length: plan.trialCount }, () => {
    const monitor = createFeatureMonitor(reference, policy, learned);
    for (let delayWindows = 1; delayWindows <= plan.windowsMax; delayWindows++) {
      const alarm = observe(monitor, faulty, stream.next().value as number);
      if (alarm !== null) {
        return { delayWindows, firstNamed: alarm.channels[0]?.name ?? null };
      }
    }
    return { delayWindows: null, firstNamed: null };
  });
}
