// Small models of the kinds that people have, written as exporters write them. For tests only.

import { float, integer, integers } from "../src/model/graph/graphEmitter.ts";
import { floatTensor, integerTensor } from "../src/model/onnx/tensorMessage.ts";
import type { ParameterScope } from "../src/model/parameters/parameterScope.ts";
import type { SampleArray } from "../src/model/session/sampleData.ts";
import { createModelWriter, type ModelWriter } from "./modelWriter.ts";

/** A model and what is expected of it. */
export interface ExportedModel {
  readonly name: string;
  readonly model: Uint8Array;
  readonly dims?: Readonly<Record<string, number>>;
  /** Samples, where they are no floats of one input. */
  readonly data?: (batchSize: number) => Readonly<Record<string, SampleArray>>;
  /** Scopes that train; `head`, `bias`, the last two layers and `all` if left out. */
  readonly scopes?: readonly ParameterScope[];
  /** What a refusal of `all` names, where it is refused. */
  readonly refused?: string;
  /** Scope whose costs are estimated ahead; the last of `scopes` if left out. */
  readonly reported?: ParameterScope;
  /** Step of the finite difference; smaller where there are kinks nearby. */
  readonly step?: number;
}

const text = (value: string) => ({ kind: "text", value }) as const;

/** A dense layer as PyTorch writes it on more than two axes. */
function linear(write: ModelWriter, value: string, name: string, from: number, to: number): string {
  const weight = write.weight(`${name}.weight`, [to, from]);
  const turned = write.node("Transpose", [weight], { perm: integers([1, 0]) });
  return write.node("Add", [
    write.weight(`${name}.bias`, [to]),
    write.node("MatMul", [value, turned]),
  ]);
}

function gemm(write: ModelWriter, value: string, name: string, from: number, to: number): string {
  const weight = write.weight(`${name}.weight`, [to, from]);
  return write.node("Gemm", [value, weight, write.weight(`${name}.bias`, [to])], {
    transB: integer(1),
  });
}

function conv(
  write: ModelWriter,
  value: string,
  name: string,
  dims: readonly number[],
  attributes: Parameters<ModelWriter["node"]>[2] = {},
): string {
  const [filters = 1] = dims;
  const inputs = [
    value,
    write.weight(`${name}.weight`, dims),
    write.weight(`${name}.bias`, [filters]),
  ];
  return write.node("Conv", inputs, { kernel_shape: integers(dims.slice(2)), ...attributes });
}

/** Frozen statistics, trained scale and shift. */
function batchNorm(write: ModelWriter, value: string, name: string, channels: number): string {
  const each = (values: (index: number) => number): number[] =>
    Array.from({ length: channels }, (_, index) => values(index));
  return write.node(
    "BatchNormalization",
    [
      value,
      write.floats(
        `${name}.weight`,
        [channels],
        each((index) => 1 + 0.1 * index),
      ),
      write.floats(
        `${name}.bias`,
        [channels],
        each((index) => 0.2 - 0.1 * index),
      ),
      write.floats(
        `${name}.running_mean`,
        [channels],
        each((index) => 0.05 * index),
      ),
      write.floats(
        `${name}.running_var`,
        [channels],
        each((index) => 0.8 + 0.1 * index),
      ),
    ],
    { epsilon: float(1e-5) },
  );
}

/** The batch of an input as a one-element vector, computed as PyTorch does. */
function batchOf(write: ModelWriter, input = "x"): string {
  const shape = write.node("Shape", [input]);
  const zero = write.constant(integerTensor("", [], [0]));
  const batch = write.node("Gather", [shape, zero], { axis: integer(0) });
  return write.node("Unsqueeze", [batch, write.constant(integerTensor("", [1], [0]))]);
}

/** Two LSTM layers over a batch-first sequence, states made of zeros, the last step classified (PyTorch, operator set 14). */
function lstmClassifier(): Uint8Array {
  const write = createModelWriter(14, ["batch", 5, 3]);
  let value = write.node("Transpose", ["x"], { perm: integers([1, 0, 2]) });
  const size = write.node(
    "Concat",
    [
      write.constant(integerTensor("", [1], [1])),
      batchOf(write),
      write.constant(integerTensor("", [1], [4])),
    ],
    { axis: integer(0) },
  );
  const state = write.node("ConstantOfShape", [size], {
    value: { kind: "tensor", value: floatTensor("", [1], [0]) },
  });
  for (const [layer, width] of [3, 4].entries()) {
    const inputs = [
      value,
      write.weight(`onnx::LSTM_${layer}W`, [1, 16, width]),
      write.weight(`onnx::LSTM_${layer}R`, [1, 16, 4]),
      write.weight(`onnx::LSTM_${layer}B`, [1, 32]),
      "",
      state,
      state,
    ];
    write.nodeOf("LSTM", inputs, [`y${layer}`, `h${layer}`, `c${layer}`], {
      hidden_size: integer(4),
    });
    value = write.node("Squeeze", [`y${layer}`, write.constant(integerTensor("", [1], [1]))]);
  }
  const first = write.node("Transpose", [value], { perm: integers([1, 0, 2]) });
  const last = write.node("Gather", [first, write.constant(integerTensor("", [], [-1]))], {
    axis: integer(1),
  });
  return write.finish(gemm(write, last, "fc", 4, 3));
}

/** A bidirectional GRU as PyTorch has it, its outputs averaged. */
function gruTagger(time: number): Uint8Array {
  const write = createModelWriter(17, ["batch", time, 3]);
  const sequence = write.node("Transpose", ["x"], { perm: integers([1, 0, 2]) });
  const inputs = [
    sequence,
    write.weight("gru.W", [2, 12, 3]),
    write.weight("gru.R", [2, 12, 4]),
    write.weight("gru.B", [2, 24]),
  ];
  write.nodeOf("GRU", inputs, ["y"], {
    hidden_size: integer(4),
    direction: text("bidirectional"),
    linear_before_reset: integer(1),
  });
  const both = write.node("Transpose", ["y"], { perm: integers([0, 2, 1, 3]) });
  const shape = write.constant(integerTensor("", [3], [0, 0, -1]));
  const joined = write.node("Reshape", [both, shape]);
  const mean = write.node("ReduceMean", [joined], { axes: integers([0]), keepdims: integer(0) });
  return write.finish(gemm(write, mean, "fc", 8, 3));
}

/** Regression with trained slopes and SiLU in primitives (operator set 11). */
function regression(): Uint8Array {
  const write = createModelWriter(11, ["batch", 4]);
  const first = linear(write, "x", "l1", 4, 6);
  const bent = write.node("PRelu", [
    first,
    write.floats("act.weight", [6], [0.1, 0.2, 0.3, 0.25, 0.4, 0.15]),
  ]);
  const second = linear(write, bent, "l2", 6, 5);
  const silu = write.node("Mul", [second, write.node("Sigmoid", [second])]);
  return write.finish(linear(write, silu, "l3", 5, 2));
}

/** The digit network of operator set 8: padding by name, biases added, weights reshaped, every initializer an input, one sample a batch. */
function digits(): Uint8Array {
  const write = createModelWriter(8, [1, 1, 8, 8]);
  const block = (value: string, index: number, dims: readonly number[], pool: number): string => {
    const convolved = write.node("Conv", [value, write.weight(`Parameter${index}`, dims)], {
      kernel_shape: integers(dims.slice(2)),
      auto_pad: text("SAME_UPPER"),
      strides: integers([1, 1]),
      dilations: integers([1, 1]),
      group: integer(1),
    });
    const bias = write.weight(`Parameter${index + 1}`, [dims[0] ?? 1, 1, 1], 0.1);
    const positive = write.node("Relu", [write.node("Add", [convolved, bias])]);
    return write.node("MaxPool", [positive], {
      kernel_shape: integers([pool, pool]),
      strides: integers([pool, pool]),
      pads: integers([0, 0, 0, 0]),
      auto_pad: text("NOTSET"),
    });
  };
  const early = block("x", 5, [3, 1, 3, 3], 2);
  const late = block(early, 87, [4, 3, 3, 3], 2);
  const flat = write.node("Reshape", [late, write.integers("Pooling160_shape", [2], [1, 16])]);
  const stored = write.weight("Parameter193", [4, 2, 2, 10]);
  const matrix = write.node("Reshape", [
    stored,
    write.integers("Parameter193_shape", [2], [16, 10]),
  ]);
  const product = write.node("MatMul", [flat, matrix]);
  return write.finish(write.node("Add", [product, write.weight("Parameter194", [1, 10])]), true);
}

/** A dense layer over steps and a layer normalisation as Keras has them: the product of rows, the bias behind, the reciprocal of a root (operator set 17). */
function kerasSteps(): Uint8Array {
  const write = createModelWriter(17, ["batch", 3, 4]);
  const rows = write.node("Reshape", ["x", write.integers("rows", [2], [-1, 4])]);
  const product = write.node("MatMul", [rows, write.weight("dense.kernel", [4, 5])]);
  const steps = write.node("Reshape", [product, write.integers("steps", [3], [-1, 3, 5])]);
  const hidden = write.node("Add", [steps, write.weight("dense.bias", [5])]);
  const mean = write.node("ReduceMean", [hidden], { axes: integers([-1]) });
  const away = write.node("Sub", [hidden, mean]);
  const variance = write.node("ReduceMean", [write.node("Mul", [away, away])], {
    axes: integers([-1]),
  });
  const root = write.node("Sqrt", [
    write.node("Add", [variance, write.floats("epsilon", [], [0.001])]),
  ]);
  const scale = write.node("Mul", [
    write.node("Reciprocal", [root]),
    write.weight("norm.gamma", [5], 2),
  ]);
  const offset = write.node("Sub", [
    write.weight("norm.beta", [5]),
    write.node("Mul", [mean, scale]),
  ]);
  const normal = write.node("Add", [write.node("Mul", [hidden, scale]), offset]);
  const flat = write.node("Reshape", [normal, write.integers("flat", [2], [-1, 15])]);
  const scores = write.node("MatMul", [flat, write.weight("head.kernel", [15, 2])]);
  return write.finish(write.node("Add", [scores, write.weight("head.bias", [2])]));
}

/** A face detector: depthwise blocks with normalisation, heads on two scales, scores first (operator set 9). */
function faceDetector(): Uint8Array {
  const write = createModelWriter(9, ["batch", 3, 16, 16]);
  const block = (value: string, name: string, from: number, to: number): string => {
    const deep = write.node("Conv", [value, write.weight(`${name}.dw`, [from, 1, 3, 3])], {
      group: integer(from),
      pads: integers([1, 1, 1, 1]),
      strides: integers([2, 2]),
    });
    const active = write.node("Relu", [batchNorm(write, deep, `${name}.bn1`, from)]);
    const wide = write.node("Conv", [active, write.weight(`${name}.pw`, [to, from, 1, 1])]);
    return write.node("Relu", [batchNorm(write, wide, `${name}.bn2`, to)]);
  };
  const head = (value: string, name: string, channels: number): string => {
    const scored = conv(write, value, name, [4, channels, 3, 3], { pads: integers([1, 1, 1, 1]) });
    const last = write.node("Transpose", [scored], { perm: integers([0, 2, 3, 1]) });
    const size = write.node(
      "Concat",
      [
        write.node(
          "Unsqueeze",
          [
            write.node("Gather", [
              write.node("Shape", [last]),
              write.constant(integerTensor("", [], [0])),
            ]),
          ],
          { axes: integers([0]) },
        ),
        write.constant(integerTensor("", [2], [-1, 2])),
      ],
      { axis: integer(0) },
    );
    return write.node("Reshape", [last, size]);
  };
  const coarse = block("x", "b1", 3, 4);
  const fine = block(coarse, "b2", 4, 5);
  const scores = write.node("Concat", [head(coarse, "cls1", 4), head(fine, "cls2", 5)], {
    axis: integer(1),
  });
  return write.finish(scores);
}

/** Voice activity: a frozen spectral basis as a strided convolution, magnitudes, an encoder, an LSTM, a probability (operator set 16). */
function voiceActivity(): Uint8Array {
  const write = createModelWriter(16, ["batch", 24]);
  const padded = write.node("Pad", ["x", write.constant(integerTensor("", [4], [0, 0, 0, 4]))], {
    mode: text("reflect"),
  });
  const channel = write.node("Unsqueeze", [padded, write.constant(integerTensor("", [1], [1]))]);
  const basis = write.weight("stft.forward_basis_buffer", [6, 1, 8]);
  const spectrum = write.node("Conv", [channel, basis], { strides: integers([4]) });
  const part = (from: number, to: number): string =>
    write.node("Slice", [
      spectrum,
      ...[from, to, 1].map((value) => write.constant(integerTensor("", [1], [value]))),
    ]);
  const two = write.constant(floatTensor("", [], [2]));
  const energy = write.node("Add", [
    write.node("Pow", [part(0, 3), two]),
    write.node("Pow", [part(3, 2 ** 31), two]),
  ]);
  const size = write.node("Sqrt", [
    write.node("Add", [energy, write.constant(floatTensor("", [], [0.05]))]),
  ]);
  const encoded = write.node("Relu", [
    conv(write, size, "encoder.0", [4, 3, 3], { pads: integers([1, 1]), strides: integers([2]) }),
  ]);
  const sequence = write.node("Transpose", [encoded], { perm: integers([2, 0, 1]) });
  write.nodeOf(
    "LSTM",
    [
      sequence,
      write.weight("rnn.W", [1, 12, 4]),
      write.weight("rnn.R", [1, 12, 3]),
      write.weight("rnn.B", [1, 24]),
    ],
    ["", "", "cell"],
    { hidden_size: integer(3) },
  );
  const last = write.node("Squeeze", ["cell", write.constant(integerTensor("", [1], [0]))]);
  const score = gemm(write, write.node("Tanh", [last]), "decoder", 3, 1);
  return write.finish(write.node("Sigmoid", [score]));
}

/** Audio transcription: harmonics side by side, strided convolutions, normalisation, two heads joined (operator set 13). */
function transcription(): Uint8Array {
  const write = createModelWriter(13, ["batch", 12, 10, 1]);
  const image = write.node("Transpose", ["x"], { perm: integers([0, 3, 1, 2]) });
  const integer1 = (value: number) => write.constant(integerTensor("", [1], [value]));
  const shifted = write.node("Pad", [
    write.node("Slice", [image, integer1(2), integer1(2 ** 31), integer1(3)]),
    write.constant(integerTensor("", [8], [0, 0, 0, 0, 0, 0, 0, 2])),
  ]);
  const stacked = write.node("Concat", [image, shifted], { axis: integer(1) });
  const normal = batchNorm(write, stacked, "bn0", 2);
  const contour = write.node("Relu", [
    batchNorm(
      write,
      conv(write, normal, "contour", [4, 2, 3, 3], { pads: integers([1, 1, 1, 1]) }),
      "bn1",
      4,
    ),
  ]);
  const notes = write.node("Relu", [
    conv(write, contour, "note", [3, 4, 3, 5], {
      pads: integers([1, 2, 1, 2]),
      strides: integers([1, 2]),
    }),
  ]);
  const onset = conv(write, contour, "onset", [1, 4, 3, 3], {
    pads: integers([1, 1, 1, 1]),
    strides: integers([1, 2]),
  });
  const both = write.node("Concat", [onset, notes], { axis: integer(1) });
  const out = conv(write, both, "out", [1, 4, 3, 3], { pads: integers([1, 1, 1, 1]) });
  const squeezed = write.node("Squeeze", [write.node("Sigmoid", [out]), integer1(1)]);
  return write.finish(squeezed);
}

/** Depthwise convolutions with squeeze and excite (operator set 14). */
function squeezeExcite(): Uint8Array {
  const write = createModelWriter(14, ["batch", 2, 8, 6]);
  const stem = write.node("HardSwish", [
    batchNorm(
      write,
      conv(write, "x", "stem", [4, 2, 3, 3], { pads: integers([1, 1, 1, 1]) }),
      "bn",
      4,
    ),
  ]);
  const deep = write.node("HardSwish", [
    conv(write, stem, "dw", [4, 1, 3, 3], {
      group: integer(4),
      pads: integers([1, 1, 1, 1]),
      strides: integers([2, 2]),
    }),
  ]);
  const pooled = write.node("GlobalAveragePool", [deep]);
  const less = write.node("Relu", [conv(write, pooled, "se.reduce", [2, 4, 1, 1])]);
  const gate = write.node("HardSigmoid", [conv(write, less, "se.expand", [4, 2, 1, 1])], {
    alpha: float(1 / 6),
    beta: float(0.5),
  });
  const scaled = write.node("Mul", [deep, gate]);
  const flat = write.node("Flatten", [write.node("GlobalAveragePool", [scaled])], {
    axis: integer(1),
  });
  return write.finish(gemm(write, flat, "fc", 4, 3));
}

/** One block of a causal transformer: heads by Reshape, a triangular mask by Where, GELU by Erf, positions added (operator set 17). */
function maskedAttention(): Uint8Array {
  const write = createModelWriter(17, ["batch", 5, 4]);
  const positions = write.weight("positions", [1, 5, 4], 0.2);
  const embedded = write.node("Add", [linear(write, "x", "embed", 4, 4), positions]);
  const heads = (name: string, perm: readonly number[]): string => {
    const projected = linear(write, embedded, name, 4, 4);
    const shape = write.node(
      "Concat",
      [batchOf(write), write.constant(integerTensor("", [3], [5, 2, 2]))],
      { axis: integer(0) },
    );
    return write.node("Transpose", [write.node("Reshape", [projected, shape])], {
      perm: integers(perm),
    });
  };
  const scores = write.node("Div", [
    write.node("MatMul", [heads("query", [0, 2, 1, 3]), heads("key", [0, 2, 3, 1])]),
    write.node("Sqrt", [write.constant(floatTensor("", [], [2]))]),
  ]);
  const ones = write.node("ConstantOfShape", [write.constant(integerTensor("", [2], [5, 5]))], {
    value: { kind: "tensor", value: floatTensor("", [1], [1]) },
  });
  const triangle = write.node("Trilu", [ones], { upper: integer(0) });
  const isSeen = write.node("Cast", [triangle], { to: integer(9) });
  const masked = write.node("Where", [isSeen, scores, write.constant(floatTensor("", [], [-1e9]))]);
  const mixed = write.node("MatMul", [
    write.node("Softmax", [masked], { axis: integer(-1) }),
    heads("value", [0, 2, 1, 3]),
  ]);
  const joined = write.node("Reshape", [
    write.node("Transpose", [mixed], { perm: integers([0, 2, 1, 3]) }),
    write.constant(integerTensor("", [3], [0, 0, 4])),
  ]);
  const attended = write.node("Add", [embedded, linear(write, joined, "attended", 4, 4)]);
  const inner = linear(write, attended, "up", 4, 6);
  const root = write.constant(floatTensor("", [], [Math.SQRT2]));
  const bell = write.node("Add", [
    write.node("Erf", [write.node("Div", [inner, root])]),
    write.constant(floatTensor("", [], [1])),
  ]);
  const gelu = write.node("Mul", [
    write.node("Mul", [inner, bell]),
    write.constant(floatTensor("", [], [0.5])),
  ]);
  const out = write.node("Add", [attended, linear(write, gelu, "down", 6, 4)]);
  const last = write.node("Gather", [out, write.constant(integerTensor("", [], [4]))], {
    axis: integer(1),
  });
  return write.finish(gemm(write, last, "head", 4, 3));
}

/** An autoencoder that makes its image larger again by copies and convolutions (operator set 9). */
function upsamplingAutoencoder(): Uint8Array {
  const write = createModelWriter(9, ["batch", 1, 8, 8]);
  const code = write.node("Elu", [
    conv(write, "x", "encoder", [3, 1, 3, 3], {
      pads: integers([1, 1, 1, 1]),
      strides: integers([2, 2]),
    }),
  ]);
  const larger = write.node("Upsample", [code, write.floats("factors", [4], [1, 1, 2, 2])], {
    mode: text("nearest"),
  });
  const smooth = write.node("Softplus", [
    conv(write, larger, "decoder.0", [2, 3, 3, 3], { pads: integers([1, 1, 1, 1]) }),
  ]);
  return write.finish(conv(write, smooth, "decoder.1", [1, 2, 1, 1]));
}

/** A table of word vectors, weights in `Constant` nodes, attention by Einsum (operator set 12). */
function wordVectors(): Uint8Array {
  const write = createModelWriter(12, ["batch", "words"]);
  // Inputs between -1 and 1 are words 0 to 2.
  const places = write.node("Mul", [write.node("Abs", ["x"]), write.floats("words", [], [2.99])]);
  const words = write.node("Cast", [places], { to: integer(7) });
  const table = write.weight("table", [3, 4]);
  const found = write.node("Gather", [table, words]);
  const key = write.constant(
    floatTensor(
      "",
      [4, 4],
      Array.from({ length: 16 }, (_, at) => Math.sin(at)),
    ),
  );
  const scores = write.node("Einsum", [write.node("MatMul", [found, key]), found], {
    equation: text("bid,bjd->bij"),
  });
  const mixed = write.node(
    "Einsum",
    [write.node("Softmax", [scores], { axis: integer(2) }), found],
    {
      equation: text("bij, bjd -> bid"),
    },
  );
  const sum = write.node("ReduceSum", [mixed], { axes: integers([1]), keepdims: integer(0) });
  return write.finish(gemm(write, sum, "fc", 4, 2));
}

/** Behind a choice of the largest elements, and in front of it. */
function chooser(): Uint8Array {
  const write = createModelWriter(11, ["batch", 6]);
  const early = linear(write, "x", "early", 6, 6);
  write.nodeOf("TopK", [early, write.integers("k", [1], [3])], ["top", "places"], {
    axis: integer(-1),
  });
  const middle = write.node("Tanh", [gemm(write, "top", "middle", 3, 4)]);
  return write.finish(gemm(write, middle, "late", 4, 2));
}

/** Words and masks of sentences of different lengths; words come again, and every one of the batch has some. */
const sentences = (length: number, entries: number) => (batchSize: number) => ({
  words: BigInt64Array.from({ length: batchSize * length }, (_, at) => BigInt((at * at) % entries)),
  isWord: Uint8Array.from({ length: batchSize * length }, (_, at) =>
    at % length < 2 + ((Math.floor(at / length) * 3) % (length - 1)) ? 1 : 0,
  ),
});

/**
 * A text classifier as PyTorch writes those of `transformers`: word and position vectors from tables, an extended mask that is added to the scores
 * of two heads, layer normalisation, the mean over the words that are there (operator set 17).
 */
function textClassifier(): Uint8Array {
  const dims = ["batch", "sequence"];
  const write = createModelWriter(17, dims, [
    { name: "input_ids", type: "int64", dims },
    { name: "attention_mask", type: "int64", dims: ["", ""] },
  ]);
  const places = (...values: number[]) =>
    write.constant(integerTensor("", [values.length], values));
  const scalar = (value: number) => write.constant(floatTensor("", [], [value]));
  const norm = (value: string, name: string): string =>
    write.node("LayerNormalization", [
      value,
      write.weight(`${name}.weight`, [4]),
      write.weight(`${name}.bias`, [4]),
    ]);
  const words = write.node("Gather", [write.weight("embeddings.word.weight", [7, 4]), "input_ids"]);
  const length = write.node("Gather", [
    write.node("Shape", ["input_ids"]),
    write.constant(integerTensor("", [], [1])),
  ]);
  const stored = write.integers("embeddings.position_ids", [1, 8], [0, 1, 2, 3, 4, 5, 6, 7]);
  const used = write.node("Slice", [
    stored,
    places(0),
    write.node("Unsqueeze", [length, places(0)]),
    places(1),
  ]);
  const table = write.weight("embeddings.position.weight", [8, 4]);
  const summed = write.node("Add", [words, write.node("Gather", [table, used])]);
  const embedded = norm(summed, "embeddings.norm");
  const wide = write.node("Unsqueeze", [
    write.node("Unsqueeze", ["attention_mask", places(1)]),
    places(2),
  ]);
  const isThere = write.node("Cast", [wide], { to: integer(1) });
  const hidden = write.node("Mul", [
    write.node("Sub", [scalar(1), isThere]),
    scalar(-3.4028234663852886e38),
  ]);
  const heads = (name: string, perm: readonly number[]): string => {
    const shape = write.node(
      "Concat",
      [
        batchOf(write, "input_ids"),
        write.node("Unsqueeze", [length, places(0)]),
        places(2),
        places(2),
      ],
      { axis: integer(0) },
    );
    const split = write.node("Reshape", [linear(write, embedded, name, 4, 4), shape]);
    return write.node("Transpose", [split], { perm: integers(perm) });
  };
  const scores = write.node("Div", [
    write.node("MatMul", [
      heads("attention.query", [0, 2, 1, 3]),
      heads("attention.key", [0, 2, 3, 1]),
    ]),
    scalar(Math.SQRT2),
  ]);
  const shares = write.node("Softmax", [write.node("Add", [scores, hidden])], {
    axis: integer(-1),
  });
  const mixed = write.node(
    "Transpose",
    [write.node("MatMul", [shares, heads("attention.value", [0, 2, 1, 3])])],
    { perm: integers([0, 2, 1, 3]) },
  );
  const joined = write.node("Reshape", [mixed, places(0, 0, 4)]);
  const attended = norm(
    write.node("Add", [linear(write, joined, "attention.out", 4, 4), embedded]),
    "attention.norm",
  );
  const mask = write.node("Cast", [write.node("Unsqueeze", ["attention_mask", places(-1)])], {
    to: integer(1),
  });
  const kept = write.node("Mul", [attended, mask]);
  const sum = write.node("ReduceSum", [kept, places(1)], { keepdims: integer(0) });
  const count = write.node("ReduceSum", [mask, places(1)], { keepdims: integer(0) });
  const mean = write.node("Div", [sum, write.node("Clip", [count, scalar(1e-9)])]);
  return write.finish(gemm(write, mean, "classifier", 4, 3));
}

/**
 * Pairs of sentences as PyTorch 2 writes `transformers` with its own attention: three inputs, the mask expanded to all pairs and filled in, scores
 * scaled by roots of a size that is read off a shape, GELU, the first word pooled (operator set 14).
 */
function sentencePairs(): Uint8Array {
  const dims = ["batch_size", "sequence_length"];
  const names = ["input_ids", "attention_mask", "token_type_ids"];
  const write = createModelWriter(
    14,
    dims,
    names.map((name) => ({ name, type: "int64", dims })),
  );
  const places = (...values: number[]) =>
    write.constant(integerTensor("", [values.length], values));
  const scalar = (value: number) => write.constant(floatTensor("", [], [value]));
  const place = (value: number) => write.constant(integerTensor("", [], [value]));
  const sizeOf = (name: string, axis: number): string =>
    write.node("Unsqueeze", [
      write.node("Gather", [write.node("Shape", [name]), place(axis)]),
      places(0),
    ]);
  const concat = (...parts: string[]) => write.node("Concat", parts, { axis: integer(0) });
  const tables = [
    write.node("Gather", [write.weight("word.weight", [9, 4]), "input_ids"]),
    write.node("Gather", [write.weight("type.weight", [2, 4]), "token_type_ids"]),
    write.node("Gather", [
      write.weight("position.weight", [6, 4]),
      write.node("Slice", [
        write.integers("position_ids", [1, 6], [0, 1, 2, 3, 4, 5]),
        places(0),
        sizeOf("input_ids", 1),
        places(1),
      ]),
    ]),
  ];
  const [word = "", type = "", position = ""] = tables;
  const summed = write.node("Add", [write.node("Add", [word, type]), position]);
  // Expanded as `mask[:, None, None, :].expand(batch, 1, length, length)`, with the -1 that PyTorch leaves in.
  const wide = write.node("Unsqueeze", ["attention_mask", places(1, 2)]);
  const asked = concat(
    sizeOf("input_ids", 0),
    places(1),
    sizeOf("input_ids", 1),
    sizeOf("input_ids", 1),
  );
  const ones = write.node("ConstantOfShape", [write.node("Shape", [asked])], {
    value: { kind: "tensor", value: integerTensor("", [1], [1]) },
  });
  const open = write.node("Equal", [asked, write.node("Mul", [ones, place(-1)])]);
  const expanded = write.node("Expand", [wide, write.node("Where", [open, ones, asked])]);
  const inverted = write.node("Sub", [
    scalar(1),
    write.node("Cast", [expanded], { to: integer(1) }),
  ]);
  const hidden = write.node("Where", [
    write.node("Cast", [inverted], { to: integer(9) }),
    scalar(-3.4028234663852886e38),
    inverted,
  ]);
  const heads = (name: string): string => {
    const shape = concat(sizeOf(summed, 0), places(-1), places(2), places(2));
    return write.node(
      "Transpose",
      [write.node("Reshape", [linear(write, summed, name, 4, 4), shape])],
      { perm: integers([0, 2, 1, 3]) },
    );
  };
  const query = heads("query");
  const width = write.node("Slice", [
    write.node("Shape", [query]),
    places(-1),
    places(2 ** 31),
    places(0),
  ]);
  const scale = write.node("Div", [
    write.constant(floatTensor("", [1], [1])),
    write.node("Sqrt", [write.node("Cast", [width], { to: integer(1) })]),
  ]);
  const root = write.node("Sqrt", [scale]);
  const turned = write.node("Transpose", [heads("key")], { perm: integers([0, 1, 3, 2]) });
  const scores = write.node("MatMul", [
    write.node("Mul", [query, root]),
    write.node("Mul", [turned, root]),
  ]);
  const shares = write.node("Softmax", [write.node("Add", [scores, hidden])], {
    axis: integer(-1),
  });
  const mixed = write.node("Transpose", [write.node("MatMul", [shares, heads("value")])], {
    perm: integers([0, 2, 1, 3]),
  });
  const joined = write.node("Reshape", [
    mixed,
    concat(sizeOf(summed, 0), sizeOf(summed, 1), places(4)),
  ]);
  const attended = write.node("Add", [summed, linear(write, joined, "attended", 4, 4)]);
  const inner = linear(write, attended, "intermediate", 4, 5);
  const bell = write.node("Add", [
    write.node("Erf", [write.node("Div", [inner, scalar(Math.SQRT2)])]),
    scalar(1),
  ]);
  const gelu = write.node("Mul", [write.node("Mul", [inner, bell]), scalar(0.5)]);
  const out = write.node("Add", [attended, linear(write, gelu, "output", 5, 4)]);
  const first = write.node("Gather", [out, place(0)], { axis: integer(1) });
  const pooled = write.node("Tanh", [gemm(write, first, "pooler", 4, 4)]);
  return write.finish(gemm(write, pooled, "classifier", 4, 2));
}

/** One head over words as int32 and a mask of truth values, positions folded into a constant, normalisation in primitives (operator set 13). */
function taggedText(): Uint8Array {
  const write = createModelWriter(
    13,
    [],
    [
      { name: "words", type: "int32", dims: ["batch", 5] },
      { name: "isWord", type: "bool", dims: ["batch", 5] },
    ],
  );
  const places = (...values: number[]) =>
    write.constant(integerTensor("", [values.length], values));
  const scalar = (value: number) => write.constant(floatTensor("", [], [value]));
  const found = write.node("Gather", [write.weight("table", [600, 4]), "words"]);
  const placed = write.node("Add", [found, write.weight("/positions/Gather_output_0", [1, 5, 4])]);
  const mean = (value: string): string =>
    write.node("ReduceMean", [value], { axes: integers([-1]), keepdims: integer(1) });
  const apart = write.node("Sub", [placed, mean(placed)]);
  const spread = write.node("Sqrt", [
    write.node("Add", [mean(write.node("Pow", [apart, scalar(2)])), scalar(1e-5)]),
  ]);
  const normal = write.node("Add", [
    write.node("Mul", [write.node("Div", [apart, spread]), write.weight("norm.weight", [4])]),
    write.weight("norm.bias", [4]),
  ]);
  const keys = write.node("Transpose", [linear(write, normal, "key", 4, 4)], {
    perm: integers([0, 2, 1]),
  });
  const scores = write.node("MatMul", [linear(write, normal, "query", 4, 4), keys]);
  const isAway = write.node("Not", [write.node("Unsqueeze", ["isWord", places(1)])]);
  const masked = write.node("Where", [isAway, scalar(Number.NEGATIVE_INFINITY), scores]);
  const mixed = write.node("MatMul", [
    write.node("Softmax", [masked], { axis: integer(2) }),
    normal,
  ]);
  const mask = write.node("Cast", [write.node("Unsqueeze", ["isWord", places(2)])], {
    to: integer(1),
  });
  const sum = write.node("ReduceSum", [write.node("Mul", [mixed, mask]), places(1)], {
    keepdims: integer(0),
  });
  return write.finish(gemm(write, sum, "head", 4, 2));
}

/** All models. */
export const exportedModels: readonly ExportedModel[] = [
  { name: "LSTM classifier, operator set 14", model: lstmClassifier() },
  { name: "bidirectional GRU, operator set 17", model: gruTagger(6) },
  {
    name: "bidirectional GRU over 70 steps, operator set 17",
    model: gruTagger(70),
    // Its loop through time is a `Scan`, whose cost is not estimated.
    reported: "head",
  },
  { name: "PRelu and SiLU regression, operator set 11", model: regression(), step: 0.01 },
  { name: "digit network, operator set 8", model: digits(), step: 0.004 },
  { name: "face detector, operator set 9", model: faceDetector(), step: 0.004 },
  {
    name: "dense and normalised steps, operator set 17",
    model: kerasSteps(),
    scopes: ["head", "bias", "norm", "all"],
  },
  { name: "voice activity, operator set 16", model: voiceActivity(), step: 0.01 },
  { name: "audio transcription, operator set 13", model: transcription(), step: 0.004 },
  { name: "squeeze and excite, operator set 14", model: squeezeExcite(), step: 0.01 },
  { name: "masked attention, operator set 17", model: maskedAttention() },
  { name: "upsampling autoencoder, operator set 9", model: upsamplingAutoencoder() },
  { name: "word vectors, operator set 12", model: wordVectors(), dims: { words: 4 } },
  {
    name: "chooser, operator set 11",
    model: chooser(),
    scopes: ["head", { lastLayers: 2 }],
    refused: "TopK",
  },
  {
    name: "text classifier, operator set 17",
    model: textClassifier(),
    dims: { sequence: 5, "attention_mask.1": 5 },
    data: (batchSize) => {
      const { words, isWord } = sentences(5, 7)(batchSize);
      return { input_ids: words, attention_mask: BigInt64Array.from(isWord, BigInt) };
    },
  },
  {
    name: "sentence pairs, operator set 14",
    model: sentencePairs(),
    dims: { sequence_length: 5 },
    data: (batchSize) => {
      const { words, isWord } = sentences(5, 9)(batchSize);
      return {
        input_ids: words,
        attention_mask: BigInt64Array.from(isWord, BigInt),
        token_type_ids: BigInt64Array.from(words, (_, at) => BigInt(at % 5 < 2 ? 0 : 1)),
      };
    },
  },
  {
    name: "masked words, operator set 13",
    model: taggedText(),
    data: (batchSize) => {
      const { words, isWord } = sentences(5, 590)(batchSize);
      return { words: Int32Array.from(words, Number), isWord };
    },
  },
];
