// `GroupNormalization` written out against the engine's own.
import { describe, expect, it } from "vitest";
import { relativeDifference } from "../../../../test/torchParityCase.ts";
import { readModelFile, writeModel } from "../../onnx/modelFile.ts";
import { floatTensor } from "../../onnx/tensorMessage.ts";
import { writeValue } from "../../onnx/valueMessage.ts";
import { loadNodeOrt } from "../../session/nodeOrtRuntime.ts";
import { float, integer } from "../graphEmitter.ts";
import { loadGraph } from "../loadGraph.ts";

const runtime = await loadNodeOrt();
const values = (count: number): Float32Array =>
  Float32Array.from({ length: count }, (_, at) => Math.sin(3.1 * at) + 0.1 * at);

describe("GroupNormalization written out", () => {
  for (const [opset, spatial] of [
    [18, [5]],
    [18, [3, 2]],
    [21, [5]],
    [21, [3, 2]],
  ] as const) {
    it(`[TC3] operator set ${opset} over ${spatial.length} axes computes the same`, async () => {
      const dims = [2, 6, ...spatial];
      const scales = opset < 21 ? 3 : 6;
      const native = writeModel(opset, {
        name: "group",
        nodes: [
          {
            name: "group",
            operator: "GroupNormalization",
            domain: "",
            inputs: ["data", "scale", "shift"],
            outputs: ["out"],
            attributes: new Map(Object.entries({ num_groups: integer(3), epsilon: float(0.01) })),
          },
        ],
        initializers: [
          floatTensor("scale", [scales], values(scales)),
          floatTensor("shift", [scales], values(scales).map(Math.cos)),
        ],
        inputs: [writeValue("data", "float32", ["batch", ...dims.slice(1)])],
        outputs: [writeValue("out", "float32", undefined)],
      });
      const graph = loadGraph(readModelFile(native));
      const written = writeModel(graph.opset, {
        name: "written",
        nodes: graph.nodes,
        initializers: [...graph.constants.values()],
        inputs: [writeValue("data", "float32", ["batch", ...dims.slice(1)])],
        outputs: [writeValue("out", "float32", undefined)],
      });
      const data = values(dims.reduce((all, size) => all * size, 1));
      const results = await Promise.all(
        [native, written].map(async (bytes) => {
          const loaded = await runtime.load(bytes);
          const { out } = await loaded.run({ data: { type: "float32", dims, data } }, ["out"]);
          await loaded.release();
          return out?.data as Float32Array;
        }),
      );
      expect(graph.nodes.some((node) => node.operator === "GroupNormalization")).toBe(false);
      expect(relativeDifference(results[1] ?? [], results[0] ?? [])).toBeLessThanOrEqual(1e-5);
    });
  }
});
