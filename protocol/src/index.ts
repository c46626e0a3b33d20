// Door: what devices and hub agree on, isomorphic. Only re-exports.
export {};
