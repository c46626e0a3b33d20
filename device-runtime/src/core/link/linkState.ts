// Where the connection to the hub stands. Not kept: every start begins offline.

/** What a connection is for: an enrolling one may only ask for a place. */
export type LinkPurpose = "enrol" | "device";

/**
 * - `off`: there is nobody to connect to
 * - `offline`: waits for its next attempt
 * - `connecting`, `online`: an attempt or a connection, named by `serial`; results of older ones are dropped
 */
export type LinkState =
  | {
      readonly phase: "off";
      readonly reason: string;
      readonly sinceMs: number;
      readonly serial: number;
    }
  | {
      readonly phase: "offline";
      readonly reason: string;
      /** The connection stood but nothing moved on it: not the same as having none. */
      readonly isStuck: boolean;
      readonly sinceMs: number;
      readonly serial: number;
      readonly attempt: number;
      readonly retryAtMs: number;
    }
  | {
      readonly phase: "connecting";
      readonly purpose: LinkPurpose;
      readonly sinceMs: number;
      readonly serial: number;
      readonly attempt: number;
      readonly deadlineMs: number;
    }
  | {
      readonly phase: "online";
      readonly purpose: LinkPurpose;
      readonly sinceMs: number;
      readonly serial: number;
      /** When an enrolling connection gives up waiting for its reply; null for a device's. */
      readonly deadlineMs: number | null;
    };
