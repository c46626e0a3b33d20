// Door: protocol parts that need Node. Only re-exports.
export {};
