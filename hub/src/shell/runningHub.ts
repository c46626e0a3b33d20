// A hub that is running, as its routes see it. Types only.
import type { HubState } from "../state.ts";
import type { ActParts } from "./actParts.ts";
import type { ParameterShelf } from "./parameterShelf.ts";

/** Everything that routes may use of a running hub. */
export interface RunningHub extends ActParts {
  readonly shelf: ParameterShelf;
  /** Whether only this machine reaches it, over HTTP and MQTT. */
  readonly isLoopbackOnly: boolean;
  readonly isBrokerConnected: () => boolean;
  /** Whether its store reads and writes now. */
  readonly isStoreSound: () => Promise<boolean>;
  readonly state: () => HubState;
}
