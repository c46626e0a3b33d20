// How code deep inside a walk over an untrusted model gives up: one throw, caught at the public edge and returned as a refusal.
// Nothing outside `src/model` may see the signal.
import { accept, type Outcome, type Refusal, type RefusalCode } from "@attune/protocol";

class RefusalSignal extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.message);
    this.refusal = refusal;
  }
}

/** Gives up on the input at hand; only ever called under {@link orRefusal}. */
export function turnAway(code: RefusalCode, message: string): never {
  throw new RefusalSignal({ code, message });
}

/** Runs `work` and returns its value, or the refusal with which it turned its input away. Every other error passes through. */
export function orRefusal<T>(work: () => T): Outcome<T> {
  try {
    return accept(work());
  } catch (error) {
    if (error instanceof RefusalSignal) return { ok: false, refusal: error.refusal };
    throw error;
  }
}
