// Door: the device runtime in a browser. Only re-exports.
// A device is made with `createDeviceOf`, from a storage, an inference on `onnxruntime-web/wasm` and a trainer that the app hands in.
export { createIndexedDbStorage } from "./adapters/indexedDbStorage.ts";
export * from "./index.ts";
