import { expect, it } from "vitest";
import { createFairQueue } from "./fairQueue.ts";

it("[DR50] owners take turns, and tasks of one owner keep their order", async () => {
  const queue = createFairQueue();
  const done: string[] = [];
  const add = (owner: string, name: string): Promise<void> =>
    queue.run(owner, async () => {
      await Promise.resolve();
      done.push(name);
    });
  await Promise.all([
    ...["a1", "a2", "a3"].map((name) => add("a", name)),
    ...["b1", "b2"].map((name) => add("b", name)),
    add("c", "c1"),
  ]);
  expect(done).toEqual(["a1", "b1", "c1", "a2", "b2", "a3"]);
});

it("[DR50] one task at a time, also when one fails", async () => {
  const queue = createFairQueue();
  let running = 0;
  const results = await Promise.allSettled(
    Array.from({ length: 5 }, (_, index) =>
      queue.run(`owner ${index % 2}`, async () => {
        running += 1;
        expect(running).toBe(1);
        await new Promise((resolve) => setImmediate(resolve));
        running -= 1;
        if (index === 2) throw new Error("no");
        return index;
      }),
    ),
  );
  expect(results.map(({ status }) => status)).toEqual([
    "fulfilled",
    "fulfilled",
    "rejected",
    "fulfilled",
    "fulfilled",
  ]);
});
