// Which old element each new one of a `Resize` is, against ONNX Runtime, which counts positions in float32.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createModelWriter, type ModelWriter } from "../../../test/modelWriter.ts";
import { readModelFile } from "../onnx/modelFile.ts";
import type { OnnxNode } from "../onnx/nodeMessage.ts";
import { loadNodeOrt } from "../session/nodeOrtRuntime.ts";
import type { EmittedAttributes } from "./graphEmitter.ts";
import { integer } from "./graphEmitter.ts";
import { loadGraph } from "./loadGraph.ts";
import { resizeMatrix } from "./resizeMatrix.ts";

const runtime = await loadNodeOrt();
const FROM_MAX = 24;
const TO_MAX = 32;
const coordinates = ["half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners"];
const roundings = ["floor", "ceil", "round_prefer_floor", "round_prefer_ceil"];

const attributesOf = (coordinate: string, rounding: string): EmittedAttributes => ({
  mode: { kind: "text", value: "nearest" },
  coordinate_transformation_mode: { kind: "text", value: coordinate },
  nearest_mode: { kind: "text", value: rounding },
});

const resizeNode = (attributes: EmittedAttributes): OnnxNode => ({
  name: "resize",
  operator: "Resize",
  domain: "",
  inputs: [],
  outputs: ["y"],
  attributes: new Map(Object.entries(attributes)),
});

/** The old element that each new one is, by the matrix of the gradient. */
function placesOf(node: OnnxNode, from: number, to: number, scale: number): number[] {
  // The gradient asks for none where nothing changes: the engine copies then.
  if (from === to) return Array.from({ length: to }, (_, at) => at);
  const matrix = resizeMatrix(node, { from, to, scale });
  return Array.from({ length: to }, (_, at) => matrix.indexOf(1, at * from) - at * from);
}

/** What the engine makes of 0, 1, 2, ... by all resizes that `write` adds. */
async function resized(write: (writer: ModelWriter) => string[]): Promise<number[]> {
  const writer = createModelWriter(17, [1, 1, FROM_MAX]);
  const joined = writer.node("Concat", write(writer), { axis: integer(2) });
  const graph = await runtime.load(writer.finish(joined));
  const data = Float32Array.from({ length: FROM_MAX }, (_, at) => at);
  const { [joined]: y } = await graph.run(
    { x: { type: "float32", dims: [1, 1, FROM_MAX], data } },
    [joined],
  );
  await graph.release();
  return Array.from(y?.data ?? [], Number);
}

const sizes = (last: number): number[] => Array.from({ length: last }, (_, at) => at + 1);

const cutTo = (writer: ModelWriter, from: number): string =>
  writer.node("Slice", [
    "x",
    writer.integers(`start${from}`, [1], [0]),
    writer.integers(`end${from}`, [1], [from]),
    writer.integers(`axis${from}`, [1], [2]),
  ]);

describe("resizing to the nearest", () => {
  for (const coordinate of coordinates) {
    for (const rounding of roundings) {
      const attributes = attributesOf(coordinate, rounding);
      const node = resizeNode(attributes);

      it(`[TC59] ${coordinate}, ${rounding}: every size to every other takes the elements of the engine`, async () => {
        const run = await resized((writer) => {
          for (const to of sizes(TO_MAX)) writer.integers(`to${to}`, [3], [1, 1, to]);
          return sizes(FROM_MAX).flatMap((from) => {
            const data = cutTo(writer, from);
            return sizes(TO_MAX).map((to) =>
              writer.node("Resize", [data, "", "", `to${to}`], attributes),
            );
          });
        });
        const expected = sizes(FROM_MAX).flatMap((from) =>
          sizes(TO_MAX).flatMap((to) => placesOf(node, from, to, Math.fround(to / from))),
        );
        expect(expected).toEqual(run);
      });
    }
  }

  it("[TC59] factors give the sizes and the elements of the engine", async () => {
    const factor = fc.integer({ min: 10, max: 320 }).map((percent) => percent / 100);
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...coordinates),
        fc.constantFrom(...roundings),
        fc.array(factor, { minLength: 24, maxLength: 24 }),
        fc.integer({ min: 10, max: FROM_MAX }),
        async (coordinate, rounding, factors, from) => {
          const attributes = attributesOf(coordinate, rounding);
          const node = resizeNode(attributes);
          const resize = (writer: ModelWriter): string[] => {
            const data = cutTo(writer, from);
            return factors.map((one, at) =>
              writer.node(
                "Resize",
                [data, "", writer.floats(`factor${at}`, [3], [1, 1, one])],
                attributes,
              ),
            );
          };
          const writer = createModelWriter(17, [1, 1, FROM_MAX]);
          const names = resize(writer);
          const file = readModelFile(writer.finish(names[0] ?? ""));
          const { values } = loadGraph(file, names);
          const expected = factors.flatMap((one, at) => {
            const to = values.get(names[at] ?? "")?.shape[2];
            return placesOf(node, from, Number(to), Math.fround(one));
          });
          expect(expected).toEqual(await resized(resize));
        },
      ),
      { numRuns: 40, seed: 59 },
    );
  });
});
