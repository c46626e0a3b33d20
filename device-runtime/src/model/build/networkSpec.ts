// A small network as plain data: what people write who define a model in TypeScript.

/** Mean and standard deviation that bring each input (or channel) to mean 0 and deviation 1; part of the model, never trained. */
export interface InputNormalization {
  readonly mean: ArrayLike<number>;
  /** Each above 0. */
  readonly deviation: ArrayLike<number>;
  /** The axis of a sample that has one mean and one deviation an entry; 0, the channels, if left out. */
  readonly axis?: number;
}

/**
 * A second view of the same window, beside the first: what moved, loud and quiet brought closer together. Part of the model, never trained.
 *
 * With `d` the value less its mean over the window, the view is `gain · d / √√(d² + floor²)`: a signed square root, straight near zero.
 * A tremor of a hundredth of the usual movement then reads as a tenth instead of a hundredth, so that a network sees how somebody
 * sits as well as how somebody walks.
 */
export interface DetailView {
  /** Multiplies the view, above 0; 3 brings usual movement to the size of the normalised channels. */
  readonly gain: number;
  /** Movement, in units of the normalised channels, below which the root turns straight; above 0, about the size of the sensor's noise. */
  readonly floor: number;
}

/** What a layer's sums pass through. */
export type Activation =
  | "relu"
  | "leakyRelu"
  | "silu"
  | "gelu"
  | "hardSwish"
  | "tanh"
  | "sigmoid"
  | "none";

/** One size for every axis, or one an axis. */
export type Sizes = number | readonly number[];

interface Named {
  /** Begins the names of the layer's parameters (`conv1.weight`); the kind and its count if left out. No two layers share one. */
  readonly name?: string;
}

/**
 * Vectors of a table, one for each whole number of the input: `[...sizes]` to `[...sizes, units]`. It is the first layer: the network then
 * takes int64, such as the ids of words, each in `[0, entries)`.
 */
export interface EmbeddingLayer extends Named {
  readonly kind: "embedding";
  /** Rows of the table, `>= 2`. */
  readonly entries: number;
  readonly units: number;
  /** Whether a trained vector for its place is added to each, so that the order of words counts; false if left out. */
  readonly positions?: boolean;
}

/** `act(x Wᵀ + b)` over the last axis: `[..., inputs]` to `[..., units]`. */
export interface DenseLayer extends Named {
  readonly kind: "dense";
  readonly units: number;
  /** "none" if left out. */
  readonly activation?: Activation;
}

/** Convolution over one, two or three axes: `[channels, ...sizes]` to `[filters, ...sizes]`. */
export interface ConvolutionLayer extends Named {
  readonly kind: "convolution";
  readonly filters: number;
  readonly kernel: Sizes;
  /** 1 if left out. */
  readonly stride?: Sizes;
  /** 1 if left out. */
  readonly dilation?: Sizes;
  /** Divides channels and filters; 1 if left out. As many as channels makes it depthwise. */
  readonly groups?: number;
  /** "same" pads so that stride 1 keeps the sizes, and needs odd kernels; "valid" pads nothing. "same" if left out. */
  readonly padding?: "same" | "valid";
  /** "none" if left out. */
  readonly activation?: Activation;
}

/** Maximum or mean of windows that do not overlap; what is left over at the end of an axis is dropped. */
export interface PoolLayer {
  readonly kind: "maxPool" | "averagePool";
  readonly size: Sizes;
}

/** Maximum or mean over all axes but the channels: `[channels, ...sizes]` to `[channels]`. */
export interface GlobalPoolLayer {
  readonly kind: "globalMaxPool" | "globalAveragePool";
}

/**
 * Group normalisation: mean 0 and deviation 1 over each group of channels and all sizes of one sample, then a scale and a shift a channel.
 * It never looks at other samples, so it learns with any batch, and it computes the same in training and in use.
 *
 * @see Wu and He 2018, equation 4.
 */
export interface GroupNormalizationLayer extends Named {
  readonly kind: "groupNormalization";
  /** Divides the channels. 1 normalises all of them together. */
  readonly groups: number;
}

/**
 * Batch normalisation of each channel: `[channels, ...sizes]` or `[units]`, then a scale and a shift a channel. In use it normalises by running
 * statistics, which start at mean 0 and variance 1: train it with a plan that says `batchNormalization: "train"`, or they stay there.
 *
 * @see Ioffe and Szegedy 2015, algorithm 1.
 */
export interface BatchNormalizationLayer extends Named {
  readonly kind: "batchNormalization";
  /** Share of the running statistics that one step keeps, `[0, 1)`; 0.9 if left out, which PyTorch calls 0.1. */
  readonly momentum?: number;
}

/**
 * Layer normalisation over the last axis, for dense and recurrent layers, then a scale and a shift an entry.
 *
 * @see Ba, Kiros and Hinton 2016, equation 4.
 */
export interface LayerNormalizationLayer extends Named {
  readonly kind: "layerNormalization";
}

/**
 * Gated recurrent unit over time: `[time, inputs]` to `[units]` (the last state) or `[time, units]` (all states).
 *
 * @see Cho et al. 2014, with the reset gate behind the recurrent product, as PyTorch and Keras compute it.
 */
export interface GruLayer extends Named {
  readonly kind: "gru";
  readonly units: number;
  /** "last" if left out. */
  readonly returns?: "last" | "sequence";
}

/** All axes of a sample into one. */
export interface FlattenLayer {
  readonly kind: "flatten";
}

/** Axes of a sample in another order: `[1, 0]` makes `[time, channels]` of `[channels, time]`. */
export interface PermuteLayer {
  readonly kind: "permute";
  readonly order: readonly number[];
}

/** An activation by itself, such as behind a normalisation. */
export interface ActivationLayer {
  readonly kind: "activation";
  readonly activation: Activation;
}

/** `x + f(x)`; the layers of `f` keep the shape. */
export interface ResidualLayer {
  readonly kind: "residual";
  readonly layers: readonly LayerSpec[];
}

/** One layer. Shapes are those of one sample, without the batch. */
export type LayerSpec =
  | ActivationLayer
  | BatchNormalizationLayer
  | ConvolutionLayer
  | DenseLayer
  | EmbeddingLayer
  | FlattenLayer
  | GlobalPoolLayer
  | GroupNormalizationLayer
  | GruLayer
  | LayerNormalizationLayer
  | PermuteLayer
  | PoolLayer
  | ResidualLayer;

/** A network: one input, layers one after the other, one output. */
export interface NetworkSpec {
  /** Shape of one sample: `[inputs]`, `[channels, length]`, `[channels, height, width]` or `[time, inputs]`; `[time]` before an embedding. */
  readonly input: readonly number[];
  readonly normalization?: InputNormalization;
  /** Shows small movements beside the channels, for `[channels, length]`: the first layer then sees twice as many. */
  readonly detail?: DetailView;
  /** At least one. */
  readonly layers: readonly LayerSpec[];
  /** Name of the output; "logits" if left out. */
  readonly output?: string;
}
