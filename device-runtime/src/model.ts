// Door: ONNX graph, parameters, training compiler, sessions. Only re-exports.
export {};
