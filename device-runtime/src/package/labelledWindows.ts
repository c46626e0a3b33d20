// Windows whose truth is known, many in one array. It must not know where they come from.
import { accept, type Outcome, refuse } from "@attune/protocol";
import { type Preprocessing, windowLength } from "./preprocessing.ts";

/** Windows whose truth is known. */
export interface LabelledWindows {
  /** `(n, windowLength)`, raw units. */
  readonly windows: Float32Array;
  /** `(n,)`, in `[0, K)`. */
  readonly labels: Int32Array;
  /** Whose window it is, `(n,)`, any numbers. Then each person counts alike where people are counted. */
  readonly persons?: Int32Array | undefined;
}

/**
 * Whether windows and labels belong together and to a preprocessing.
 *
 * @param name what they are called in the refusal
 * @returns `input.shape_mismatch`, `input.not_finite`
 */
export function checkLabelledWindows(
  name: string,
  { windows, labels, persons }: LabelledWindows,
  preprocessing: Preprocessing,
): Outcome<null> {
  const length = windowLength(preprocessing);
  const classCount = preprocessing.labels.length;
  if (labels.length === 0 || windows.length !== labels.length * length) {
    return refuse(
      "input.shape_mismatch",
      `${name} has ${windows.length} values for ${labels.length} labels of ${length} values each; pass one label a window`,
    );
  }
  if (persons !== undefined && persons.length !== labels.length) {
    return refuse(
      "input.shape_mismatch",
      `${name} names ${persons.length} people for ${labels.length} windows; pass one a window, or none`,
    );
  }
  if (!labels.every((label) => Number.isInteger(label) && label >= 0 && label < classCount)) {
    return refuse(
      "input.shape_mismatch",
      `${name} has a label outside 0 to ${classCount - 1}; leave unknown activities out`,
    );
  }
  if (!windows.every(Number.isFinite)) {
    return refuse("input.not_finite", `${name} holds NaN or infinity; leave such windows out`);
  }
  return accept(null);
}
