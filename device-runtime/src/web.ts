// Door: the device runtime in a browser. Only re-exports.
// A device is made with `createDeviceOf`, from a storage, an engine on `onnxruntime-web/wasm` and the package that came with the page. What this
// door reaches statically a page loads before the first answer; what only learning or a hub needs is behind `import()`.
export { createIndexedDbStorage } from "./adapters/indexedDbStorage.ts";
export * from "./index.ts";
export { createOrtRuntime } from "./model/session/createOrtRuntime.ts";
export type { OrtModule } from "./model/session/ortRuntime.ts";
export type { ModelPackage } from "./package/modelPackage.ts";
export { openModelPackage } from "./package/openModelPackage.ts";
