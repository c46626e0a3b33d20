// Door: profiles, drift detectors, OOD scores. Only re-exports.
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
export { addPair, noPairs, type PairedCounts } from "./core/learn/pairedCounts.ts";
export {
  betterEvidence,
  harmEvidence,
  logBetterEvidence,
} from "./core/learn/pairedEvidence.ts";
