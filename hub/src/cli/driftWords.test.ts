import { expect, it } from "vitest";
import { sinceWords } from "./driftWords.ts";

it.each([
  [0.4, 0.4, "about 1 h ago"],
  [-0.1, -0.1, "about 1 h ago"],
  [25.2, 25.2, "about 25 h ago"],
  [5, 1.6, "about 5 h to 2 h ago"],
  [75, 75, "about 3 d ago"],
])(
  "[HB104] an onset is told no finer than devices know it: %d to %d hours ago",
  (from, to, words) => {
    const hourMs = 3_600_000;
    const nowMs = 1e12;
    expect(sinceWords(nowMs - from * hourMs, nowMs - to * hourMs, nowMs)).toBe(words);
  },
);
