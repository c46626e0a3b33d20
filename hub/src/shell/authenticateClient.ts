// Who an MQTT client is, by what it shows when it connects. It must not know topics.
import type { DeviceId, Principal } from "@attune/protocol";
import type { MqttCredentials } from "../ports/broker.ts";
import { findToken, secretHash } from "./enrolment.ts";
import type { HubContext } from "./hubContext.ts";

/**
 * A device by its id and credential, or somebody who enrols by an enrolment token; null for anybody else.
 *
 * A device's client id must be its own id: with any other id it could end another device's connection, because a broker hangs
 * up on the older of two clients of one id. Credentials are found by their digests, so how long it takes tells nothing.
 */
export function authenticateClient(
  context: HubContext,
  { clientId, userName, password }: MqttCredentials,
): Principal | null {
  const enrolling = /^enrol-([0-9a-f]{32})$/.exec(clientId);
  if (enrolling !== null) {
    const token = findToken(context, password);
    const isLive = token !== undefined && token.expiresAtMs > context.clock.nowMs();
    const isNamed = userName === "enrol" || userName === clientId;
    return isLive && isNamed ? { kind: "enrolling", nonce: enrolling[1] as string } : null;
  }
  const known = context.memory.devices.get(userName as DeviceId)?.row;
  if (known === undefined || known.status === "retired" || clientId !== userName) return null;
  return secretHash(context, password) === known.credentialHash
    ? { kind: "device", device: known.device }
    : null;
}
