// A device in ten lines.
//
//   node --conditions=attune-source device-runtime/examples/embed.ts                         offline, with a model made on the spot
//   node --conditions=attune-source device-runtime/examples/embed.ts activity.attune         offline, with your package
//   node --conditions=attune-source device-runtime/examples/embed.ts "" mqtt://127.0.0.1:1883 TOKEN    in a fleet
//
// A token comes from `npx attune device token`. What is kept lies in ./attune-embed; start it again and it goes on.
import { createDevice } from "@attune/device-runtime/node";
import { demoPackage, demoWindow } from "./demoPackage.ts";

const [path = "", hub, enrolmentToken] = process.argv.slice(2);
const model = path === "" ? await demoPackage() : path;

const device = await createDevice({
  store: "./attune-embed",
  model,
  contribute: true,
  ...(hub === undefined ? {} : { hub }),
  ...(enrolmentToken === undefined ? {} : { enrolmentToken }),
});
device.on("alarm", ({ kind, rate, referenceRate }) => {
  console.log(`alarm: ${kind} is ${rate.toFixed(2)}, ${referenceRate.toFixed(2)} would be normal`);
});
device.on("trained", ({ jobIndex, lossBefore, lossAfter }) => {
  console.log(`training ${jobIndex}: loss ${lossBefore.toFixed(2)} to ${lossAfter.toFixed(2)}`);
});
device.on("adopted", ({ evidence }) => console.log(`adopted: ${evidence.reason}`));
device.on("enrolled", ({ device: id, cohort }) => console.log(`enrolled as ${id} in ${cohort}`));
device.on("receipted", ({ kind, outcome, code }) => console.log(`${kind} ${outcome} ${code}`));

if (path === "") {
  // Somebody whose two movements lie elsewhere than the model has learned.
  const user = device.user("anna");
  let correct = 0;
  for (let turn = 1; turn <= 200; turn += 1) {
    const truth = turn % 2 === 0 ? "still" : "walking";
    const answer = await user.predict(demoWindow(truth, turn));
    if (answer.label === truth) correct += 1;
    await user.feedback(answer.predictionId, truth); // late truth, minutes or days later
    if (turn % 50 > 0) continue;
    await device.whenIdle();
    console.log(`${correct} of the last 50 answers were right`);
    correct = 0;
  }
}
const { link, users, state } = device.inspect();
console.log({ link: link.state, state, guard: users[0]?.guard.map(({ reason }) => reason) });
if (hub === undefined) await device.close();
