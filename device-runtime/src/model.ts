// Door: ONNX graph, parameters, training compiler, sessions. Only re-exports.
export { buildCnn1d, type Cnn1dSpec, type ConvolutionSpec } from "./model/build/buildCnn1d.ts";
export { buildNetwork } from "./model/build/buildNetwork.ts";
export { buildPerceptron, type PerceptronSpec } from "./model/build/buildPerceptron.ts";
export type {
  Activation,
  DetailView,
  InputNormalization,
  LayerSpec,
  NetworkSpec,
} from "./model/build/networkSpec.ts";
export {
  type CompiledServing,
  compileServing,
  type ServingOptions,
} from "./model/compile/compileServing.ts";
export { type CompiledTraining, compileTraining } from "./model/compile/compileTraining.ts";
export { listLowerings } from "./model/compile/listLowerings.ts";
export type { LowRankPatch } from "./model/compile/lowRank.ts";
export type { SampleInput, SampleType } from "./model/compile/sampleInputs.ts";
export { type Specialization, specializeModel } from "./model/compile/specializeModel.ts";
export type { NamedShape } from "./model/compile/stepBody.ts";
export { trainingNames } from "./model/compile/trainingNames.ts";
export { canonicalPlan, type TrainingPlan } from "./model/compile/trainingPlan.ts";
export { type CompiledFrontier, compileFrontier } from "./model/frontier/compileFrontier.ts";
export {
  createFeatureExtractor,
  type FeatureExtractor,
} from "./model/frontier/createFeatureExtractor.ts";
export {
  type PackedFeatures,
  packFeatures,
  unpackFeatures,
} from "./model/frontier/packFeatures.ts";
export type { DimSizes } from "./model/graph/dataInputs.ts";
export type {
  BinaryCrossEntropySpec,
  CrossEntropySpec,
  Distillation,
  HuberSpec,
  LossSpec,
  MeanSquaredErrorSpec,
} from "./model/losses/lossRule.ts";
export {
  type LoweredOperation,
  type LoweringSpec,
  loweredOperations,
  type TargetEngine,
} from "./model/lowering/lowering.ts";
export type { LoweringCandidate, LoweringChoice } from "./model/lowering/loweringChoice.ts";
export { type Work, type WorkKind, workKinds } from "./model/lowering/nodeWork.ts";
export {
  type OperatorGradient,
  type SupportedOperator,
  supportedOperators,
} from "./model/operators/supportedOperators.ts";
export {
  type LearningRateSchedule,
  scheduledRates,
} from "./model/optimizers/learningRateSchedule.ts";
export type { OptimizerSpec } from "./model/optimizers/optimizerRule.ts";
export { type ExposeOptions, exposeParameters } from "./model/parameters/exposeParameters.ts";
export { listParameters, type ParameterInfo } from "./model/parameters/listParameters.ts";
export { patchParameters, readParameters } from "./model/parameters/parameterBytes.ts";
export type { LowRankScope, ParameterScope } from "./model/parameters/parameterScope.ts";
export type { ParameterRole } from "./model/parameters/parameterUses.ts";
export type { BatchNormalizationMode } from "./model/parameters/runningStatistics.ts";
export { runningVariances } from "./model/parameters/runningVariances.ts";
export { joinModel, type SplitModel, splitModel } from "./model/parameters/splitModel.ts";
export {
  type ChosenScope,
  chooseScope,
  type TrainingBudget,
} from "./model/report/chooseScope.ts";
export {
  type PlanReport,
  type PlanReportOptions,
  reportPlan,
} from "./model/report/reportPlan.ts";
export { createOrtRuntime, type OrtProvider } from "./model/session/createOrtRuntime.ts";
export {
  createPredictor,
  type Predictions,
  type Predictor,
} from "./model/session/createPredictor.ts";
export {
  createTrainer,
  type TrainedSlice,
  type Trainer,
  type TrainingSlice,
  type TrainingState,
} from "./model/session/createTrainer.ts";
export { createWebGpuRuntime, type GpuPort } from "./model/session/createWebGpuRuntime.ts";
export { declareShapes } from "./model/session/declareShapes.ts";
export { turnOffEngineTelemetry } from "./model/session/engineTelemetry.ts";
export {
  type FitOptions,
  type FittedModel,
  fitModel,
  type SampleBuffer,
} from "./model/session/fitModel.ts";
export type {
  OrtData,
  OrtGraph,
  OrtModule,
  OrtModuleSession,
  OrtModuleTensor,
  OrtRuntime,
  OrtTensor,
} from "./model/session/ortRuntime.ts";
export type { SampleArray, SampleData } from "./model/session/sampleData.ts";
export {
  type LoweringTimes,
  type LoweringTiming,
  timeLowerings,
} from "./model/session/timeLowerings.ts";
export { trainedParameters } from "./model/session/trainedParameters.ts";
export { type BuiltPackage, buildPackage, type PackageFiles } from "./package/buildPackage.ts";
export { buildReference, type OodPlan, type ReferenceSource } from "./package/buildReference.ts";
export type { Calibration, OodCalibration } from "./package/calibration.ts";
export { createModelPackage, type ModelPackageSource } from "./package/createModelPackage.ts";
export { encodeModelPackage } from "./package/encodeModelPackage.ts";
export { createEvaluator, type EvaluatedWindows, type Evaluator } from "./package/evaluator.ts";
export type { LabelledWindows } from "./package/labelledWindows.ts";
export {
  type Learning,
  type LearningLimits,
  learningDefaults,
  type ValidationRules,
} from "./package/learning.ts";
export {
  inseparableFrom,
  type LeaveOneOut,
  type LeftOutPair,
  SEPARABLE_AUROC_MIN,
} from "./package/leaveOneOut.ts";
export {
  blobRefOf,
  type ModelPackage,
  type PartBytes,
  type PartDigests,
  type PartName,
  partDigests,
  partNames,
  partRefs,
  versionOf,
} from "./package/modelPackage.ts";
export {
  createOodInput,
  defaultOodInput,
  type OodInput,
  type OodInputSpec,
} from "./package/oodInput.ts";
export { createOodJudge, type OodJudge } from "./package/oodJudge.ts";
export { decodeModelPackage } from "./package/packageFile.ts";
export {
  type Channel,
  type Preprocessing,
  toModelInput,
  windowLength,
} from "./package/preprocessing.ts";
export { readModelParts } from "./package/readModelParts.ts";
export { modelOf, withParameters } from "./package/wholeModel.ts";
export { createWindower, type Windower } from "./package/windower.ts";
export { parseWindows } from "./package/windowsFile.ts";
