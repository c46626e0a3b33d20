// Door: manual clock, seeded random, memory store, loopback link. Only re-exports.
export { createSeededRandom } from "./adapters/seededRandom.ts";
