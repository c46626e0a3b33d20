// What the table of operators says beside "yes" and "no". Each note is a promise: where a note says "refused", the compiler names it.

/** Notes by operator. */
export const operatorNotes: ReadonlyMap<string, string> = new Map([
  ["Abs", "0 at 0"],
  [
    "BatchNormalization",
    'statistics frozen; of the batch, with running statistics counted, where the plan says `batchNormalization: "train"`; of the batch alone where the node is in training mode; scale and shift trained; `spatial=0` refused',
  ],
  [
    "Cast",
    "between float32 and float32; nothing goes back through integers and truth values; float16 and float64 in between are refused",
  ],
  ["Clip", "bounds included; a bound gets what it cuts off"],
  ["Constant", "weights in it are parameters"],
  ["ConvTranspose", "`output_padding` below the stride"],
  ["DepthToSpace", "both modes"],
  [
    "DequantizeLinear",
    "straight through; integer weights become parameters by `exposeParameters`; blocks refused",
  ],
  ["Dropout", "at inference only"],
  ["Einsum", "any number of operands; a letter twice in one operand and dots are refused"],
  ["Expand", "to a shape that is known, up to the batch"],
  [
    "GRU",
    "through time, both directions and both values of `linear_before_reset`; other activations, `clip`, lengths of sequences and `layout=1` refused",
  ],
  ["Gather", "any axis; a table of vectors is a parameter"],
  ["GatherND", "without `batch_dims`"],
  ["Gelu", "exact and by tanh"],
  ["GlobalMaxPool", "of equal elements the first gets it"],
  ["GroupNormalization", "of operator sets 18 and 21, written out"],
  ["HardSwish", "0 at -3, 1 at 3"],
  ["If", "where its condition is known before the model runs, as one that asks for a shape"],
  ["Identity", "of a weight: the same parameter, unless `exposeParameters` unties it"],
  [
    "LSTM",
    "through time, both directions; peepholes, other activations, `clip`, `input_forget`, lengths of sequences and `layout=1` refused",
  ],
  ["Max", "equal operands share the gradient"],
  ["MaxPool", "of equal elements the first gets it; `storage_order=1` refused"],
  ["Min", "equal operands share the gradient"],
  ["PRelu", "slopes are trained, too"],
  [
    "Pad",
    "modes constant, reflect, edge and wrap with fixed pads; a value that is trained is refused",
  ],
  ["Pow", "0 by the exponent where the base is 0 or less"],
  [
    "QuantizeLinear",
    "straight through within the range of the integers; scale and zero point must be constant",
  ],
  ["ReduceMax", "equal elements share it"],
  ["ReduceMin", "equal elements share it"],
  [
    "RNN",
    "through time, both directions, tanh; other activations, `clip`, lengths of sequences and `layout=1` refused",
  ],
  ["Relu", "0 at 0"],
  [
    "Resize",
    "modes nearest and linear, coordinates half_pixel, pytorch_half_pixel, asymmetric and align_corners; `antialias` refused",
  ],
  ["ScatterElements", "overwriting and adding; other reductions refused"],
  ["ScatterND", "overwriting and adding; other reductions refused"],
  ["Slice", "any steps, fixed bounds"],
  ["TopK", "train behind it, or leave it to what reads the model's scores"],
  ["Upsample", "read as `Resize`"],
  ["Scatter", "read as `ScatterElements`"],
]);
