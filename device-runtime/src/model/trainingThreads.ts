// A number that every engine and every compiled plan agree on.

/** ONNX Runtime threads of a training: two would sum in another order and give other bits. */
export const TRAINING_THREADS = 1;
