// What one sample of a model is: its data inputs with their types and shapes. Used alike for training, for its halves and for serving.
import { type Dim, isStatic, shapeText } from "../graph/dim.ts";
import type { GraphValue, ModelGraph } from "../graph/modelGraph.ts";
import type { ElementType } from "../onnx/elementType.ts";
import { turnAway } from "../turnAway.ts";

/** Types that data may have: measurements, token ids and other places in tables, masks. */
export type SampleType = "float32" | "int32" | "int64" | "bool";

/** One data input. */
export interface SampleInput {
  /** The model's name for it. */
  readonly name: string;
  readonly type: SampleType;
  /** Shape of one sample; the batch stands before it. */
  readonly dims: readonly number[];
}

const isSampleType = (type: ElementType): type is SampleType =>
  type === "float32" || type === "int32" || type === "int64" || type === "bool";

/** The batch of a graph: the first size of its inputs. */
export function batchOf({ inputs: [{ shape }] }: ModelGraph): Dim {
  return shape[0] ?? 1;
}

/** The data inputs of a graph; turned away where their types are not known, or another size than the batch. */
export function sampleInputs(
  graph: Pick<ModelGraph, "inputs">,
): readonly [SampleInput, ...SampleInput[]] {
  const [first, ...others] = graph.inputs;
  const checked = ({ name, type, shape }: GraphValue): SampleInput => {
    if (!isSampleType(type)) {
      return turnAway(
        "model.graph_invalid",
        `input ${name} is ${type}, must be float32, int32, int64 or bool`,
      );
    }
    const dims = shape.slice(1);
    if (shape.length === 0 || !isStatic(dims)) {
      return turnAway(
        "model.shape_unknown",
        `input ${name} is ${shapeText(shape)}; only its first size, the batch, may be unknown: fix the others by dims`,
      );
    }
    return { name, type, dims };
  };
  return [checked(first), ...others.map(checked)];
}
