// Door: the isomorphic device runtime. Only re-exports.
export {
  type ForkableRandom,
  gaussian,
  intBelow,
  type Random,
  shuffle,
  uniform,
} from "./ports/random.ts";
