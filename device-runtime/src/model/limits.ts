// Every bound of the model part, each with the sum that gives it. Nothing here may be computed from input.

/** Largest model file: 64 MB of float32 (16 M parameters) and as much again for frozen data and structure. */
export const MODEL_BYTES_MAX: number = 128 * 1024 * 1024;

/** Protobuf fields decoded from one model: 16 for each of 16,384 nodes and 4,096 tensors, rounded up. */
export const MODEL_FIELDS_MAX: number = 512 * 1024;

/** Nodes of one graph; a 24-layer transformer as PyTorch writes it has about 3,000. */
export const GRAPH_NODES_MAX: number = 16 * 1024;

/** Initializers of one graph, as many as a parameter set may have, twice over for frozen constants. */
export const GRAPH_TENSORS_MAX: number = 8 * 1024;

/** Bytes of any name in a graph; PyTorch's longest scoped names are about 200. */
export const GRAPH_NAME_BYTES_MAX = 1024;

/** Highest rank of a value: 5-D convolution data with room for the axes that a gradient adds. */
export const VALUE_RANK_MAX = 8;

/** Elements of one static shape: what {@link MODEL_BYTES_MAX} of float32 could hold, 32 times over for activations. */
export const VALUE_ELEMENTS_MAX: number = 1024 * 1024 * 1024;

/** Elements of an integer value that is followed through shape arithmetic: a shape of the highest rank, eight times over. */
export const FOLDED_ELEMENTS_MAX = 64;

/** Unknown factors of one size: one for each axis of the highest rank, as flattening a value of unknown sizes gives. */
export const DIM_SYMBOLS_MAX = 8;

/** Bytes of a constant that a gradient writes into the graph, such as the counts of a padded average pool. */
export const EMITTED_CONSTANT_BYTES_MAX: number = 4 * 1024 * 1024;

/**
 * Positions of a kernel up to which a gradient is written, and priced, position by position: the square is what {@link EMITTED_CONSTANT_BYTES_MAX}
 * holds in float32. Larger kernels take the forms whose size does not depend on them.
 */
export const WRITTEN_TAPS_MAX = 1024;

/** Nodes of one training graph: four for each of {@link GRAPH_NODES_MAX}, one forward and three of its gradient and its update. */
export const WRITTEN_NODES_MAX: number = 64 * 1024;

/** Nodes that are written only to be priced, for one training graph: 256 convolutions that choose between four forms of 128 nodes each. */
export const PRICED_NODES_MAX: number = 128 * 1024;

/** Integers in one packed list; each costs 24 bytes as a bigint, so 24 MB. */
export const INTEGER_LIST_MAX: number = 1024 * 1024;

/** Branches inside of branches that are looked into; what PyTorch writes has one. */
export const BRANCH_DEPTH_MAX = 4;

/** Data inputs of a model that its outputs depend on; models of text have three. Each is tried as the place where a training is cut. */
export const DATA_INPUTS_MAX = 16;
