// Door: what of the device runtime runs in a browser today. Only re-exports.
// A device is made with `createDeviceOf`, from a storage, an inference on `onnxruntime-web/wasm` and a trainer that the app hands in.
export * from "./index.ts";
