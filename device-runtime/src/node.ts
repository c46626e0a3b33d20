// Door: the device runtime with Node adapters. Only re-exports.
export {};
