// What every trainer says once it is closed.
import { Fault } from "@attune/protocol";

/** The fault of whatever is asked of a trainer that was closed. */
export function trainerClosed(): Fault {
  return new Fault("the trainer is closed", {
    code: "trainer.closed",
    hint: "close devices before the trainer that they share",
  });
}
