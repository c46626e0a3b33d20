// The port that answers a validation set with models. Implementation: `adapters/ort`, with the code that devices answer with.
import type { LineId } from "@attune/protocol";
import type { ValidationAnswers } from "../core/gate/validationGate.ts";
import type { PartBytes } from "../shell/parameterShelf.ts";

/** What is to be compared. */
export interface JudgeTask {
  readonly line: LineId;
  /** Null for the first version of a line: the challenger is then its own champion. */
  readonly champion: PartBytes | null;
  readonly challenger: PartBytes;
  /** Bytes of `encodeValidationSet`. */
  readonly validationSet: Uint8Array;
}

/** Runs models on an operator's validation set, away from the broker. */
export interface ModelJudge {
  /** @throws Fault `judge.failed` when a model cannot be loaded or the set does not fit it; the message says which */
  answer(task: JudgeTask): Promise<ValidationAnswers>;
  close(): Promise<void>;
}
