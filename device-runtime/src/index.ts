// Door: the isomorphic device runtime. Only re-exports.
export { createInlineTrainer } from "./adapters/inlineTrainer.ts";
export { createInference } from "./adapters/ortInference.ts";
export { createSystemClock } from "./adapters/systemClock.ts";
export type { GuardVerdict } from "./core/learn/localGuard.ts";
export type { DeviceEvents, GuardNotice } from "./core/notices.ts";
export { createDeviceOf, type DeviceParts } from "./device/createDeviceOf.ts";
export type {
  Answer,
  Device,
  DeviceInspection,
  DeviceUser,
  FeedbackReport,
  InspectedSlot,
  InspectedUser,
  NamedDifference,
  UserDifference,
} from "./device/device.ts";
export type { HubAccess, HubOptions } from "./device/hubAccess.ts";
export { hubAt } from "./device/hubAt.ts";
export { InputRefused } from "./device/inputRefused.ts";
export type { BlobSource } from "./ports/blobSource.ts";
export type { Clock, Timer } from "./ports/clock.ts";
export type { Inference, LoadedVersion } from "./ports/inference.ts";
export type { Link, LinkConnection, LinkHandlers, LinkOptions } from "./ports/link.ts";
export {
  type ForkableRandom,
  gaussian,
  intBelow,
  type Random,
  shuffle,
  uniform,
} from "./ports/random.ts";
export type { Storage } from "./ports/storage.ts";
export type { TrainerPort, TrainingJob, TrainingTask } from "./ports/trainer.ts";
