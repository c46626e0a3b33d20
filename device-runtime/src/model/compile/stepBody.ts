// What one training step computes: forward, loss, backward, optimizer. It must not know whether it stands alone or inside a `Scan`.
import { differentiate } from "../gradients/differentiate.ts";
import { createGraphEmitter, type GraphEmitter } from "../graph/graphEmitter.ts";
import type { PreparedValue } from "../losses/lossRule.ts";
import { createLowering, type LoweringSite } from "../lowering/createLowering.ts";
import { forWebgpu } from "../lowering/forWebgpu.ts";
import type { OnnxNode } from "../onnx/nodeMessage.ts";
import type { OnnxTensor } from "../onnx/tensorMessage.ts";
import { clipGradients } from "../optimizers/clipGradients.ts";
import { turnAway } from "../turnAway.ts";
import { type WrittenNormalization, writeBatchNormalization } from "./batchNormalizations.ts";
import { TRAINING_PREFIX, trainingNames } from "./trainingNames.ts";
import type { CheckedPlan } from "./trainingPlan.ts";
import type { TrainingSubject } from "./trainingSubject.ts";
import { writeTeacher } from "./writeTeacher.ts";

/** A name and a shape. */
export interface NamedShape {
  readonly name: string;
  readonly dims: readonly number[];
}

/** What one training step reads and writes. */
export interface StepBody {
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly OnnxTensor[];
  readonly loss: string;
  readonly nextStepCount: string;
  readonly parameters: readonly TrainedTensor[];
  /** Running statistics, and the names of their values after the step. */
  readonly statistics: readonly { readonly statistic: NamedShape; readonly next: string }[];
  /** Where an operation could have been written in another form. */
  readonly sites: readonly LoweringSite[];
}

/** A trained tensor's values in a step. */
export interface TrainedTensor {
  readonly trained: NamedShape;
  readonly gradient: string;
  readonly next: string;
  readonly states: readonly string[];
  readonly nextStates: readonly string[];
}

/** Names inside a step, which the epoch's `Scan` gives other names than the graph around it. */
export const stepNames = {
  truth: "train:step:truth",
  learningRate: "train:step:learningRate",
  stepCount: "train:step:stepCount",
  prepared: (key: string): string => `train:step:prepared:${key}`,
  state: (state: string, name: string): string => `train:step:${state}:${name}`,
} as const;

/** Writes a step. */
export function writeStepBody(
  subject: TrainingSubject,
  checked: CheckedPlan,
  prepared: ReadonlyMap<string, PreparedValue>,
): StepBody {
  const { graph, output } = subject;
  const emit = createGraphEmitter(`${TRAINING_PREFIX}step:`);
  const trained = new Set(subject.trained.map(({ name }) => name));
  keepConstants(subject, trained, emit);
  const { normalizations, nextStatistics } = writeForward(subject, emit);
  const { loss, gradient } = checked.loss.step({
    emit,
    output,
    outputShape: graph.values.get(output)?.shape ?? [],
    teacher: checked.loss.asksBase ? writeTeacher(subject, emit) : "",
    prepared: (key) => {
      const value = prepared.get(key);
      return value?.isPerStep === false ? value.name : stepNames.prepared(key);
    },
  });
  const lowering = createLowering(checked.lowering);
  const found = differentiate({
    graph,
    emit,
    seeds: new Map([[output, gradient]]),
    wanted: trained,
    lowering,
    normalizations,
  });
  const gradients = subject.trained.map(
    ({ name }) =>
      found.get(name) ??
      turnAway(
        "model.parameter_unknown",
        `the output does not depend on parameter ${name}, or only through integers, truth values or steps, which have no gradient; leave it out of the scope`,
      ),
  );
  const pulledOnes = subject.trained.map(({ name }, index) =>
    pulled(emit, gradients[index] ?? "", name, checked.pullToBase),
  );
  const slopes =
    checked.clipNorm === null ? pulledOnes : clipGradients(emit, pulledOnes, checked.clipNorm);
  const nextStepCount = emit.node("Add", [stepNames.stepCount, emit.integer(1)]);
  const update = checked.optimizer.begin({
    emit,
    learningRate: stepNames.learningRate,
    stepNumber: nextStepCount,
  });
  const parameters = subject.trained.map((one, index): TrainedTensor => {
    const states = checked.optimizer.states.map((state) => stepNames.state(state, one.name));
    const updated = update({ parameter: one.name, gradient: slopes[index] ?? "", states });
    return {
      trained: one,
      gradient: gradients[index] ?? "",
      next: updated.parameter,
      states,
      nextStates: updated.states,
    };
  });
  const written =
    checked.lowering.engine === "webgpu" ? forWebgpu(emit, `${TRAINING_PREFIX}gpu:`) : emit;
  return {
    nodes: written.nodes,
    initializers: written.constants,
    loss,
    nextStepCount,
    parameters,
    statistics: subject.statistics.map((statistic) => ({
      statistic,
      next: nextStatistics.get(statistic.name) ?? "",
    })),
    sites: lowering.sites,
  };
}

/** Writes the model: its nodes as they are, but for normalisations that go by the batch. */
function writeForward(
  { graph, normalizations }: TrainingSubject,
  emit: GraphEmitter,
): {
  readonly normalizations: ReadonlyMap<string, WrittenNormalization["known"]>;
  readonly nextStatistics: ReadonlyMap<string, string>;
} {
  const written = new Map<string, WrittenNormalization["known"]>();
  // One module that is called twice counts twice, one after the other.
  const nextStatistics = new Map<string, string>();
  const latest = (name: string): string => nextStatistics.get(name) ?? name;
  for (const node of graph.nodes) {
    const [output = ""] = node.outputs;
    const running = normalizations.get(output);
    if (running === undefined) {
      emit.copy(node);
      continue;
    }
    const { mean, variance } = running;
    const before = { mean: latest(mean), variance: latest(variance) };
    const { known, nextMean, nextVariance } = writeBatchNormalization(emit, graph, node, before);
    written.set(output, known);
    nextStatistics.set(mean, nextMean).set(variance, nextVariance);
  }
  return { normalizations: written, nextStatistics };
}

/** Constants that the forward nodes read, save those that are trained. */
function keepConstants(
  { graph, unpatched }: TrainingSubject,
  trained: ReadonlySet<string>,
  emit: GraphEmitter,
): void {
  const used = new Set([...graph.nodes, ...unpatched.nodes].flatMap((node) => node.inputs));
  const changing = new Set([...trained, ...unpatched.changing]);
  for (const [name, tensor] of graph.constants) {
    if (used.has(name) && !changing.has(name)) emit.keep(tensor);
  }
}

function pulled(emit: GraphEmitter, gradient: string, parameter: string, pull: number): string {
  if (pull === 0) return gradient;
  const away = emit.node("Sub", [parameter, trainingNames.base(parameter)]);
  return emit.node("Add", [gradient, emit.node("Mul", [away, emit.scalar(pull)])]);
}
