// A clock that was ten years ahead and is set right with the next start. Whatever was to wait for a minute waited for ten years.
import { expect, it } from "vitest";
import { createManualClock } from "../../src/adapters/manualClock.ts";
import { createSeededRandom } from "../../src/adapters/seededRandom.ts";
import { loadNodeOrt } from "../../src/model/session/nodeOrtRuntime.ts";
import { createPerson, openBenchDevice } from "../benchDevice.ts";
import { benchPackage } from "../benchModel.ts";

it("[DR64] a device that learned with a clock years ahead goes on learning when it is right", async () => {
  const runtime = await loadNodeOrt();
  const modelPackage = await benchPackage(runtime);
  const ahead = await openBenchDevice(runtime, modelPackage, {
    clock: createManualClock(Date.UTC(2036, 0, 5)),
  });
  const random = createSeededRandom("anna");
  const trainings = (bench: typeof ahead): number => bench.device.inspect().counts.trainings;
  const before = createPerson(ahead, ahead.device.user("anna"), random.fork("before"));
  while (trainings(ahead) === 0) await before.live(1, 0.5);
  await ahead.device.close();

  const right = await openBenchDevice(runtime, modelPackage, {
    storage: ahead.storage,
    clock: createManualClock(Date.UTC(2026, 0, 5)),
  });
  const after = createPerson(right, right.device.user("anna"), random.fork("after"));
  const soFar = trainings(right);
  await after.live(40, 0.5);
  expect(trainings(right)).toBeGreaterThan(soFar);
  await right.device.close();
});
