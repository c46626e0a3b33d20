// Door: profiles, drift detectors, OOD scores. Only re-exports.
export {};
