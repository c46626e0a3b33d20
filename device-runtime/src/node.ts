// Door: the device runtime with Node adapters. Only re-exports.
export { loadNodeOrt } from "./model/session/nodeOrtRuntime.ts";
