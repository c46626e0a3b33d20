// The attune command: reads arguments, calls one action, derives the exit code. Holds no policy.
export {};
