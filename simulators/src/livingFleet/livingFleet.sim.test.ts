// A small living fleet to its end: real hub, broker, signer process, devices and training. Whatever its story is, promises hold.
import { expect, it } from "vitest";
import { createInk } from "./ink.ts";
import { type LivingFleetEnd, runLivingFleet } from "./livingFleet.ts";
import { createScreen } from "./screen.ts";

/** Six people, and time so fast that the story takes half a minute. */
const options = { deviceCount: 6, seed: 3, speed: 300, isGuarded: true };

it("[LF8] runs to its end, and what was receipted is there once, what is served was released", {
  timeout: 180_000,
}, async () => {
  let text = "";
  let ended: LivingFleetEnd | null = null;
  await runLivingFleet({
    options,
    signal: new AbortController().signal,
    createScreen: (storyMs) =>
      createScreen({
        write: (more) => {
          text += more;
        },
        ink: createInk(false),
        isTty: false,
        columns: 100,
        storyMs,
      }),
    onEnd: (end) => {
      ended = end;
      return Promise.resolve();
    },
  });
  expect(ended, text).not.toBe(null);
  const { promises, facts, rows, story } = ended as unknown as LivingFleetEnd;
  expect(promises.flatMap(({ broken }) => broken)).toEqual([]);
  expect(facts.devices.length).toBe(6);
  expect(facts.devices.every(({ active }) => facts.released.has(active))).toBe(true);
  expect(facts.devices.flatMap(({ receipted }) => receipted).length).toBeGreaterThan(0);
  expect(story.isOver).toBe(true);
  expect(story.imported).not.toBe(null);
  expect(rows.find(({ group }) => group === "everybody")?.people).toBe(6);
  expect(text).toContain("adopts its training 1");
  expect(text).toContain("The page: http://127.0.0.1:");
});

it("[LF8] stopped in the middle it takes everything down, and says why", {
  timeout: 60_000,
}, async () => {
  const controller = new AbortController();
  const reason = new Error("ctrl-C");
  const run = runLivingFleet({
    options,
    signal: controller.signal,
    createScreen: (storyMs) =>
      createScreen({
        write: (text) => {
          // As soon as the hub is up: its signer and both trainings are under way.
          if (text.includes("The page:")) controller.abort(reason);
        },
        ink: createInk(false),
        isTty: false,
        columns: 100,
        storyMs,
      }),
    onEnd: () => Promise.reject(new Error("it must not come to an end")),
  });
  await expect(run).rejects.toBe(reason);
});
