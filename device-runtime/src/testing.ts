// The door for tests and simulations: time, randomness and disks that do what they are told.
export {
  createFaultyDisk,
  type FaultyDisk,
  type FaultyDiskOptions,
  PowerCut,
} from "./adapters/faultyDisk.ts";
export {
  createLoopbackBroker,
  filterCovers,
  type LoopbackBroker,
  type LoopbackParty,
  type LoopbackRules,
} from "./adapters/loopbackLink.ts";
export { createManualClock, type ManualClock } from "./adapters/manualClock.ts";
export { createMemoryStorage } from "./adapters/memoryStorage.ts";
export { createScaledClock } from "./adapters/scaledClock.ts";
export { createSeededRandom } from "./adapters/seededRandom.ts";
export type { Clock, Timer } from "./ports/clock.ts";
export {
  type ForkableRandom,
  gaussian,
  intBelow,
  type Random,
  shuffle,
  uniform,
} from "./ports/random.ts";
export type { Storage } from "./ports/storage.ts";
