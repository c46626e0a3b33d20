// Door: the isomorphic device runtime. Only re-exports.
export {};
