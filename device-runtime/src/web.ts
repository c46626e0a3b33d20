// Door: the device runtime with browser adapters. Only re-exports.
export {};
