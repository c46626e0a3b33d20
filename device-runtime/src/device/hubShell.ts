// What speaks with a hub, put together. It loads when an app gives a hub: this must not be reached by what a device without one needs.
import { hubMachines } from "../core/hub/hubMachines.ts";
import type { HubSettings } from "../core/transition.ts";
import type { Clock } from "../ports/clock.ts";
import { createBlobFetcher } from "./blobFetcher.ts";
import type { EffectCarrier } from "./carryOut.ts";
import { createHubCarrier, type HubEffect, type HubEffectParts } from "./carryOutHub.ts";
import { createConnection } from "./connection.ts";
import { createVersionFetcher } from "./fetchVersion.ts";
import type { HubAccess } from "./hubAccess.ts";

/** The part of a device that speaks with a hub. */
export interface HubShell {
  readonly settings: HubSettings;
  readonly carrier: EffectCarrier<HubEffect>;
}

/** What it is made of. */
export interface HubShellParts
  extends Pick<
    HubEffectParts,
    "loop" | "lane" | "line" | "files" | "versions" | "held" | "serving" | "users"
  > {
  readonly clock: Clock;
  /** Of the device's key. */
  readonly seed: Uint8Array;
}

/** Puts it together. */
export function createHubShell(access: HubAccess, parts: HubShellParts): HubShell {
  const { link, isLoopback, token, proposedId, blobSource, cryptography } = access;
  const { loop, files, versions } = parts;
  const keyPair = cryptography.keyPair(parts.seed);
  const connection = createConnection(link, parts.clock);
  const fetcher = createBlobFetcher({
    files,
    source: blobSource,
    cryptography,
    readRetained(ref, work) {
      const { enrolment } = loop().state.kept;
      return enrolment.phase === "enrolled"
        ? connection.readRetained(enrolment.fleet, ref, work)
        : Promise.resolve(null);
    },
  });
  const versionFetcher = createVersionFetcher({ versions, files, fetcher, cryptography });
  return {
    settings: {
      hasHub: link !== null,
      isLoopback,
      token,
      proposedId,
      keyPair,
      cryptography,
      machines: hubMachines,
    },
    carrier: createHubCarrier({
      ...parts,
      keyPair,
      cryptography,
      connection,
      fetcher,
      versionFetcher,
    }),
  };
}
