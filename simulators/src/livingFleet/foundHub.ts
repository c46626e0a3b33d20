// Brings up a hub for simulated devices: broker, page, signer, trust root, validation set, first version. It must not make devices.
import { join } from "node:path";
import type { Clock } from "@attune/device-runtime";
import { createHub, type Hub, type HubState, type LinePolicyInput } from "@attune/hub";
import { type Fault, fleetIdSchema } from "@attune/protocol";
import { createHubApi, type HubApi } from "./hubApi.ts";
import { type SignerProcess, startSigner } from "./signerProcess.ts";

/** What the hub is made with. */
export interface FoundHubOptions {
  /** Everything that is kept; the hub's and the signer's folders are made in it. */
  readonly folder: string;
  readonly clock: Clock;
  readonly fleet: string;
  /** The one model line. */
  readonly line: string;
  readonly policy: LinePolicyInput;
  /** The signer's limit for aggregates, Euclidean, around the first release. */
  readonly delegationNormMax: number;
  /** How often the signer asks, in real milliseconds. */
  readonly signerEveryMs: number;
  readonly onLost: (fault: Fault) => void;
  readonly signal: AbortSignal;
}

/** A hub with its signer. */
export interface FoundedHub {
  readonly hub: Hub;
  readonly api: HubApi;
  readonly mqttUrl: string;
  /** Of the page, with a token that may look and do nothing else. */
  readonly pageUrl: string;
  /** Brings validation set and first version, and waits until the version is released. @returns the version */
  release(validationSet: Uint8Array, firstPackage: Uint8Array): Promise<string>;
  /** A token with which `uses` devices may enrol. */
  enrolmentToken(uses: number): Promise<string>;
  close(): Promise<void>;
}

/** Opens the hub, and starts the signer, which makes demo keys and the trust root. */
export async function foundHub(options: FoundHubOptions): Promise<FoundedHub> {
  const { folder, clock, line, policy, onLost, signal } = options;
  const hub = createHub({
    dataFolder: join(folder, "hub"),
    fleet: fleetIdSchema.parse(options.fleet),
    mqtt: { kind: "embedded", tcpPort: 0, webSocketPort: 0 },
    http: { port: 0 },
    policy,
    clock,
    onFault: onLost,
  });
  const { adminToken, httpUrl, mqttUrl } = await hub.start();
  let signer: SignerProcess | null = null;
  try {
    const url = httpUrl as string;
    const api = createHubApi(url, adminToken as string);
    const { token: viewerToken } = await api.send<{ token: string }>("POST", "/api/access-tokens", {
      role: "viewer",
      note: "the page",
    });
    const running = await startSigner({
      folder: join(folder, "signer"),
      hubUrl: url,
      adminToken: adminToken as string,
      everyMs: options.signerEveryMs,
      onLost,
    });
    signer = running;
    return {
      hub,
      api,
      mqttUrl: mqttUrl as string,
      pageUrl: `${url}/#token=${viewerToken}`,
      async release(validationSet, firstPackage) {
        await api.send("PUT", `/api/lines/${line}/validation-set`, validationSet);
        const note = "everybody's first version";
        await api.send(
          "POST",
          `/api/models?line=${line}&note=${encodeURIComponent(note)}`,
          firstPackage,
        );
        const state = await untilState(hub, signal, ({ lines }) => lines[0]?.champion != null);
        const version = state.lines[0]?.champion?.version as string;
        await running.delegate(version, options.delegationNormMax);
        return version;
      },
      enrolmentToken: async (uses) =>
        (await api.send<{ token: string }>("POST", "/api/enrolment-tokens", { uses })).token,
      async close() {
        await running.close();
        await hub.close();
      },
    };
  } catch (error) {
    await signer?.close();
    await hub.close();
    throw error;
  }
}

/** Resolves with the hub's state as soon as it fulfils a condition. @throws what `signal` is aborted with */
export function untilState(
  hub: Pick<Hub, "state" | "onState">,
  signal: AbortSignal,
  isFulfilled: (state: HubState) => boolean,
): Promise<HubState> {
  return new Promise((resolve, reject) => {
    const now = hub.state();
    if (isFulfilled(now)) {
      resolve(now);
      return;
    }
    const stopped = (): void => {
      off();
      reject(signal.reason);
    };
    const off = hub.onState((state) => {
      if (!isFulfilled(state)) return;
      off();
      signal.removeEventListener("abort", stopped);
      resolve(state);
    });
    signal.addEventListener("abort", stopped, { once: true });
    if (signal.aborted) stopped();
  });
}
