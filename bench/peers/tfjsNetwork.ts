// A built network in TensorFlow.js, layer by layer, channels last as it wants them. Only what the tasks use; anything else is an error.
import type { Activation, LayerSpec } from "@attune/device-runtime/model";
import type * as tfjs from "@tensorflow/tfjs";
import type { Tensor, Tensor2D, Tensor3D, Tensor4D, Variable } from "@tensorflow/tfjs";
import type { TrainingTask } from "./trainingTask.ts";

/** The module `@tensorflow/tfjs`. */
export type Tfjs = typeof tfjs;

/** A network whose weights are variables. */
export interface TfjsNetwork {
  readonly variables: readonly Variable[];
  /** One batch as it is given to the network. */
  batch(index: number): { data: Tensor; truth: Tensor };
  /** Raw scores `[batch, classes]`. */
  forward(data: Tensor): Tensor2D;
}

/** Makes the network of a task with the task's own weights. */
export function createTfjsNetwork(tf: Tfjs, task: TrainingTask): TfjsNetwork {
  const variables: Variable[] = [];
  const forwards = task.spec.layers.map(layerOf);
  const [channels = 1, ...sizes] = task.spec.input;
  const isImage = task.spec.layers.some(({ kind }) => kind === "convolution");
  const batchLength = task.data.length / task.batchCount;
  return {
    variables,
    batch(index) {
      const { batchSize, data, labels, classCount } = task;
      const given = tf.tensor(data.slice(index * batchLength, (index + 1) * batchLength), [
        batchSize,
        ...task.spec.input,
      ]);
      // One axis becomes an image of width 1.
      const [height = 1, width = 1] = sizes;
      return {
        data: isImage
          ? given.reshape([batchSize, channels, height, width]).transpose([0, 2, 3, 1])
          : given,
        truth: tf
          .oneHot(
            tf.tensor1d(labels.slice(index * batchSize, (index + 1) * batchSize), "int32"),
            classCount,
          )
          .toFloat(),
      };
    },
    forward: (data) => forwards.reduce((value, layer) => layer(value), data) as Tensor2D,
  };

  function layerOf(layer: LayerSpec, index: number): (value: Tensor) => Tensor {
    // Layers are named as the builder names them: by kind and count.
    const count = task.spec.layers.slice(0, index + 1).filter((one) => one.kind === layer.kind);
    const name = `${layer.kind === "convolution" ? "conv" : layer.kind}${count.length}`;
    switch (layer.kind) {
      case "dense": {
        const weight = variable(`${name}.weight`, (one) => one.transpose());
        const bias = variable(`${name}.bias`);
        return (value) =>
          activate(layer.activation, (value as Tensor2D).matMul(weight as Tensor2D).add(bias));
      }
      case "convolution": {
        const { groups = 1, stride = 1, padding = "same", activation } = layer;
        const strides: [number, number] =
          typeof stride === "number" ? [stride, stride] : [stride[0] ?? 1, stride[1] ?? 1];
        const isDepthwise = groups > 1;
        // [filters, channels, height, width?] to [height, width, channels, filters].
        const weight = variable(`${name}.weight`, (one) => {
          const image = one.rank === 3 ? one.expandDims(3) : one;
          return image.transpose(isDepthwise ? [2, 3, 0, 1] : [2, 3, 1, 0]);
        });
        const bias = variable(`${name}.bias`);
        return (value) => {
          const convolved = isDepthwise
            ? tf.depthwiseConv2d(value as Tensor4D, weight as Tensor4D, strides, padding)
            : tf.conv2d(value as Tensor4D, weight as Tensor4D, strides, padding);
          return activate(activation, convolved.add(bias));
        };
      }
      case "maxPool": {
        const size = layer.size;
        if (typeof size !== "number") throw new Error("only pools of one size are raced");
        return (value) => tf.maxPool(value as Tensor4D, [size, 1], [size, 1], "valid");
      }
      case "globalAveragePool":
        return (value) => value.mean([1, 2]);
      case "gru":
        return gru(name, layer.units);
      default:
        throw new Error(`no race has a layer of kind ${layer.kind}`);
    }
  }

  function activate(activation: Activation = "none", value: Tensor): Tensor {
    if (activation === "none") return value;
    if (activation === "relu") return value.relu();
    throw new Error(`no race has the activation ${activation}`);
  }

  /** Gates update, reset, hidden; the input's share of all times in one product. */
  function gru(name: string, units: number): (value: Tensor) => Tensor {
    const turned = (one: Tensor): Tensor => one.squeeze([0]).transpose();
    const weight = variable(`${name}.weight`, turned);
    const recurrent = variable(`${name}.recurrent`, turned);
    const bias = variable(`${name}.bias`, (one) => one.reshape([2, 3 * units]));
    return (value) => {
      const [batch = 1, time = 1, inputs = 1] = value.shape;
      const [biasIn, biasBack] = bias.unstack() as [Tensor, Tensor];
      const all = (value as Tensor3D)
        .reshape([batch * time, inputs])
        .matMul(weight as Tensor2D)
        .add(biasIn)
        .reshape([batch, time, 3 * units])
        .unstack(1);
      let state: Tensor = tf.zeros([batch, units]);
      for (const input of all) {
        const back = (state as Tensor2D).matMul(recurrent as Tensor2D).add(biasBack);
        const [updateIn, resetIn, hiddenIn] = input.split(3, 1) as [Tensor, Tensor, Tensor];
        const [updateBack, resetBack, hiddenBack] = back.split(3, 1) as [Tensor, Tensor, Tensor];
        const update = updateIn.add(updateBack).sigmoid();
        const hidden = hiddenIn.add(resetIn.add(resetBack).sigmoid().mul(hiddenBack)).tanh();
        state = hidden.add(update.mul(state.sub(hidden)));
      }
      return state;
    };
  }

  function variable(name: string, arrange: (tensor: Tensor) => Tensor = (one) => one): Variable {
    const parameter = task.parameters.find((one) => one.name === name);
    if (parameter === undefined) throw new Error(`no parameter ${name}`);
    const made = tf.variable(arrange(tf.tensor(parameter.data, [...parameter.dims])).clone());
    variables.push(made);
    return made;
  }
}
