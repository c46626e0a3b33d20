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
export { type Abstention, fitAbstention } from "./core/ood/abstention.ts";
export { auroc } from "./core/ood/auroc.ts";
export { type ConformalThreshold, conformalThreshold } from "./core/ood/conformalThreshold.ts";
export { fitMahalanobis, type MahalanobisFit } from "./core/ood/fitMahalanobis.ts";
export { createMahalanobisScorer } from "./core/ood/mahalanobis.ts";
export {
  checkOodProfile,
  createOodScorer,
  fitOodProfile,
  type OodKind,
  type OodMethod,
  type OodProfile,
  oodMethods,
} from "./core/ood/oodProfile.ts";
export type { OodSamples } from "./core/ood/oodSamples.ts";
export type { OodScorer } from "./core/ood/oodScorer.ts";
export {
  checkPopulation,
  measurePopulation,
  type PopulationScores,
} from "./core/ood/populationScores.ts";
export {
  createUserCalibration,
  defaultPersonalRule,
  type PersonalRule,
  type UserCalibration,
  type UserCalibrationReport,
  type UserCalibrationState,
} from "./core/ood/userCalibration.ts";
export {
  createWindowStatistics,
  type WindowShape,
  type WindowStatistics,
} from "./core/ood/windowStatistics.ts";
