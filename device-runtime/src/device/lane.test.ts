import { expect, it } from "vitest";
import { createLane } from "./lane.ts";

it("[DR60] tasks run one after the other, in order, also past a failure", async () => {
  const lane = createLane();
  const done: string[] = [];
  const slow = lane.run(async () => {
    await new Promise((resolve) => setImmediate(resolve));
    done.push("slow");
  });
  const failing = lane.run(() => Promise.reject(new Error("no")));
  const quick = lane.run(() => {
    done.push("quick");
    return Promise.resolve(3);
  });
  await expect(failing).rejects.toThrow("no");
  await slow;
  expect(await quick).toBe(3);
  expect(done).toEqual(["slow", "quick"]);
});

it("[DR60] idle means that tasks, what they add, and announced work are over", async () => {
  const lane = createLane();
  const done: string[] = [];
  const end = lane.begin();
  void lane.run(async () => {
    await Promise.resolve();
    void lane.run(() => {
      done.push("added by a task");
      return Promise.resolve();
    });
  });
  const idle = lane.whenIdle().then(() => done.push("idle"));
  await new Promise((resolve) => setImmediate(resolve));
  expect(done).toEqual(["added by a task"]);
  end();
  end();
  await idle;
  expect(done).toEqual(["added by a task", "idle"]);
});
