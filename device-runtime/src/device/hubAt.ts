// The way to a hub as something that loads when the device has started. It must not reach what speaks with hubs but by `import()`.
import { laterCode } from "../adapters/laterCode.ts";
import type { HubAccess, HubOptions } from "./hubAccess.ts";

/**
 * The way to a hub, for `createDeviceOf`.
 *
 * The device answers meanwhile; what is wrong with the options is told as a refusal about `code`.
 *
 * @example
 * typeof hubAt({ url: "wss://hub.example/mqtt" }); // => "function"
 */
export function hubAt(options: HubOptions): () => Promise<HubAccess> {
  return async () => {
    const { openHub } = await laterCode("what speaks with a hub", () => import("./openHub.ts"));
    return openHub(options);
  };
}
