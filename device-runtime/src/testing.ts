// Door: manual clock, seeded random, memory store, loopback link. Only re-exports.
export {};
