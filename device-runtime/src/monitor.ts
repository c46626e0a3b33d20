// Door: evidence, drift detectors, out-of-distribution scores. Only re-exports.
export {
  type DifferenceInterval,
  differenceInterval,
  nonInferiorityEvidence,
} from "./core/learn/differenceEvidence.ts";
export {
  meanEvidence,
  type PooledEvidence,
  type PoolingRule,
  pooledEvidence,
} from "./core/learn/fleetEvidence.ts";
export { addPair, noPairs } from "./core/learn/pairedCounts.ts";
export {
  betterEvidence,
  harmEvidence,
  logBetterEvidence,
} from "./core/learn/pairedEvidence.ts";
export {
  createEDetector,
  defaultMultipliers,
  type EDetector,
  type EDetectorConfig,
  type EDetectorState,
} from "./core/monitor/eDetector.ts";
export { type RateInterval, shrunkRate, wilsonInterval } from "./core/monitor/rate.ts";
export type { RateReport, RateRule } from "./core/monitor/rateMonitor.ts";
export {
  createUserMonitors,
  defaultMonitorPolicy,
  type MonitorAlarm,
  type MonitorKind,
  type MonitorPolicy,
  type MonitorReference,
  type MonitorReport,
  type MonitorSettings,
  type MonitorState,
  type UserMonitors,
} from "./core/monitor/userMonitors.ts";
export { type ConformalThreshold, conformalThreshold } from "./core/ood/conformalThreshold.ts";
export { fitMahalanobis, type MahalanobisFit } from "./core/ood/fitMahalanobis.ts";
export { createMahalanobisScorer, type OodScorer } from "./core/ood/mahalanobis.ts";
export { checkOodProfile, type OodProfile } from "./core/ood/oodProfile.ts";
