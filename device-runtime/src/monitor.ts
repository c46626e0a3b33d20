// Door: evidence, drift detectors, out-of-distribution scores. Only re-exports.

export {
  type ChiSquareResult,
  chiSquareQuantile,
  chiSquareTail,
  chiSquareTest,
} from "./core/distance/chiSquare.ts";
export {
  compareProfiles,
  type FeatureDifference,
  type ProfileDifference,
} from "./core/distance/compareProfiles.ts";
export {
  hellinger,
  jensenShannon,
  klDivergence,
  totalVariation,
  type ZeroRule,
} from "./core/distance/countDistance.ts";
export {
  type KsResult,
  kolmogorovTail,
  ksDistance,
  ksExactTail,
  ksTest,
} from "./core/distance/kolmogorovSmirnov.ts";
export {
  type EmptyBin,
  type PopulationStability,
  populationStability,
} from "./core/distance/populationStability.ts";
export {
  histogramWasserstein,
  linearMmd,
  type MmdResult,
  mmdRowsMin,
  wasserstein,
} from "./core/distance/sampleDistance.ts";
export { type EffectSize, standardizedDifference } from "./core/distance/standardizedDifference.ts";
export { type DriftOfUser, driftReportOf } from "./core/drift/driftReport.ts";
export {
  createUserDrift,
  type DriftReference,
  type UserDrift,
  type UserDriftReport,
  type UserDriftState,
  type UserFinding,
} from "./core/drift/userDrift.ts";
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
export { type AdwinConfig, type AdwinMemory, createAdwin } from "./core/monitor/adwin.ts";
export {
  type ClassShift,
  type ClassShiftAlarm,
  type ClassShiftPolicy,
  type ClassShiftSettings,
  type ClassShiftState,
  createClassShift,
  defaultClassShiftPolicy,
} from "./core/monitor/classShift.ts";
export { type CusumConfig, type CusumMemory, createCusum } from "./core/monitor/cusum.ts";
export { createDdm, type DdmConfig, type DdmMemory } from "./core/monitor/ddm.ts";
export type {
  DriftDetector,
  DriftDetectorKind,
  DriftDetectorState,
  DriftLevel,
} from "./core/monitor/driftDetector.ts";
export { believedCount } from "./core/monitor/eBenjaminiHochberg.ts";
export {
  createEDetector,
  defaultMultipliers,
  type EDetector,
  type EDetectorConfig,
  type EDetectorState,
} from "./core/monitor/eDetector.ts";
export { createEddm, type EddmConfig, type EddmMemory } from "./core/monitor/eddm.ts";
export {
  createErrorEstimate,
  type ErrorEstimate,
  type ErrorEstimateState,
  type ErrorGuess,
  type ErrorReference,
  fitErrorReference,
} from "./core/monitor/errorEstimate.ts";
export type { FeatureLayout, FeatureSeries } from "./core/monitor/features/featureLayout.ts";
export {
  createFeatureMonitor,
  defaultFeatureMonitorPolicy,
  type FeatureAlarm,
  type FeatureMonitor,
  type FeatureMonitorPolicy,
  type FeatureMonitorReport,
  type FeatureMonitorState,
  jointSeries,
} from "./core/monitor/features/featureMonitor.ts";
export {
  checkFeatureReference,
  type FeatureReference,
} from "./core/monitor/features/featureReference.ts";
export {
  type FeatureReferenceFit,
  fitFeatureReference,
  type PersonWindows,
} from "./core/monitor/features/fitFeatureReference.ts";
export { createHddmA, type HddmAConfig, type HddmAMemory } from "./core/monitor/hddmA.ts";
export { createHddmW, type HddmWConfig, type HddmWMemory } from "./core/monitor/hddmW.ts";
export { createKswin, type KswinConfig, type KswinMemory } from "./core/monitor/kswin.ts";
export { labelShares } from "./core/monitor/labelShares.ts";
export {
  createPageHinkley,
  type PageHinkleyConfig,
  type PageHinkleyMemory,
} from "./core/monitor/pageHinkley.ts";
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
export { checkOodProfile } from "./core/ood/checkOodProfile.ts";
export {
  type ConformalThreshold,
  conformalThreshold,
  isAboveThreshold,
} from "./core/ood/conformalThreshold.ts";
export { fitMahalanobis, type MahalanobisFit } from "./core/ood/fitMahalanobis.ts";
export { createMahalanobisScorer } from "./core/ood/mahalanobis.ts";
export {
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
export { binOf, quantileEdges } from "./core/profile/binEdges.ts";
export { type Moments, mergeMoments, noMoments } from "./core/profile/moments.ts";
export {
  checkProfile,
  createProfile,
  emptyProfile,
  type FeatureProfile,
  mergeProfiles,
  type Profile,
  type ProfileBuilder,
} from "./core/profile/profile.ts";
export { decodeProfile, encodeProfile, profileBytesMax } from "./core/profile/profileCodec.ts";
export type { ProfileLayout } from "./core/profile/profileCounter.ts";
export {
  checkQuantileSketch,
  createQuantileSketch,
  type QuantileSketch,
  type QuantileSketchState,
} from "./core/profile/quantileSketch.ts";
export {
  type BusinessRule,
  type BusinessRules,
  type BusinessRulesState,
  createBusinessRules,
  type Violation,
} from "./core/validation/businessRules.ts";
export { checkBusinessRules } from "./core/validation/checkBusinessRules.ts";
export {
  type ChannelRule,
  checkDataRules,
  type DataProblem,
  type DataRules,
  noDataRules,
} from "./core/validation/dataRules.ts";
export {
  createDataValidator,
  type DataCounts,
  type DataFinding,
  type DataShape,
  type DataValidator,
  type DataValidatorState,
} from "./core/validation/dataValidator.ts";
