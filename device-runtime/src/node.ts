// Door: the device runtime with Node adapters. Only re-exports.
export { createMqttLink, type MqttLinkOptions } from "./adapters/mqttLink.ts";
export { createFileStorage, type FileStorage } from "./adapters/node/fileStorage.ts";
export { createTrainerPool, type TrainerPoolOptions } from "./adapters/node/trainerPool.ts";
export * from "./index.ts";
export { loadNodeOrt } from "./model/session/nodeOrtRuntime.ts";
export { createDevice, type DeviceOptions } from "./node/createDevice.ts";
