// How an answer that cannot be given is told to the app. It must not be used for anything that an app does not hand in itself.
import type { Refusal, RefusalCode } from "@attune/protocol";

/**
 * What `predict` rejects with when a window cannot be answered: it has the wrong length, holds NaN, or the model gave NaN for it.
 * An answer is a promise of an answer, so that the app's ten lines stay ten lines; everything that comes from a network is a
 * returned `Outcome` instead.
 */
export class InputRefused extends Error {
  readonly refusal: Refusal;
  readonly code: RefusalCode;

  constructor(refusal: Refusal) {
    super(refusal.message);
    this.name = "InputRefused";
    this.refusal = refusal;
    this.code = refusal.code;
  }
}
