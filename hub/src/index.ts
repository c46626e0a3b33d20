// Door: the hub as a library. Only re-exports.
export {};
