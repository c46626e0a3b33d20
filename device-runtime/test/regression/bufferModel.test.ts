// A model read with `readFile` is a Buffer, whose `slice` is a view instead of a copy: parameters came out as other bytes of the file, and a
// patch changed the caller's.
import { parameterSetOf, unwrap } from "@attune/protocol";
import { expect, it } from "vitest";
import { createSeededRandom } from "../../src/adapters/seededRandom.ts";
import { buildPerceptron } from "../../src/model/build/buildPerceptron.ts";
import { patchParameters, readParameters } from "../../src/model/parameters/parameterBytes.ts";

const model = buildPerceptron(
  { inputSize: 3, hidden: [4], classCount: 2 },
  createSeededRandom("buffer"),
);
const parameters = unwrap(readParameters(model));

it("the parameters of a Buffer are those of its bytes", () => {
  expect(unwrap(readParameters(Buffer.from(model)))).toEqual(parameters);
});

it("patching a Buffer leaves it as it was", () => {
  const buffer = Buffer.from(model);
  const doubled = parameterSetOf(
    parameters.map((tensor) => ({ ...tensor, data: tensor.data.map((value) => 2 * value) })),
  );
  const patched = unwrap(patchParameters(buffer, doubled));
  expect(new Uint8Array(buffer)).toEqual(model);
  expect(unwrap(readParameters(patched))).toEqual(doubled);
});
