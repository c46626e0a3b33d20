// From the bytes of one message to a value whose sender is known: size, frame, schema, sender, signature, in that order.
// Pure; it must not look at what the message means.
import {
  accept,
  type Cryptography,
  type DeviceId,
  decodeMessage,
  type KeyId,
  type LineId,
  type MessageType,
  type Outcome,
  refuse,
  verifySignatures,
} from "@attune/protocol";

/** What intake knows of an enrolled device. */
export interface KnownDevice {
  readonly device: DeviceId;
  readonly line: LineId;
  readonly keyId: KeyId;
  readonly publicKey: Uint8Array;
  readonly status: "active" | "quarantined" | "retired";
}

/** Finds an enrolled device. */
export type FindDevice = (device: DeviceId) => KnownDevice | undefined;

/** A message that the device of its topic has signed. */
export interface SignedMessage<T> {
  readonly value: T;
  readonly device: KnownDevice;
}

/**
 * Reads a message from a device's own topic.
 *
 * @param topicDevice from the topic it came on
 * @returns the message, or the first of `frame.*`, `message.schema_invalid`, `topic.forbidden`, `device.unknown`,
 * `device.retired`, `device.quarantined` (contributions only: what such a device does is still worth knowing), `signature.*`
 */
export function readUpMessage<T extends { readonly device: DeviceId; readonly line: LineId }>(
  type: MessageType<T>,
  topicDevice: DeviceId,
  bytes: Uint8Array,
  findDevice: FindDevice,
  cryptography: Cryptography,
): Outcome<SignedMessage<T>> {
  const isContribution = type.kind === "contribution";
  const message = decodeMessage(type, bytes);
  if (!message.ok) return message;
  const { value, frame } = message.value;
  if (value.device !== topicDevice) {
    return refuse(
      "topic.forbidden",
      `${type.kind} of ${value.device} came on the topic of ${topicDevice}; a device writes below its own topic only`,
    );
  }
  const device = findDevice(topicDevice);
  if (device === undefined) {
    return refuse("device.unknown", `${topicDevice} is not enrolled here; enrol it with a token`);
  }
  if (device.status === "retired") {
    return refuse("device.retired", `${topicDevice} was retired; enrol it again to bring it back`);
  }
  if (isContribution && device.status === "quarantined") {
    return refuse(
      "device.quarantined",
      `${topicDevice} is in quarantine: its contributions are kept out until an operator lets it go`,
    );
  }
  const signed = verifySignatures(
    frame,
    new Map([[device.keyId, device.publicKey]]),
    1,
    cryptography,
  );
  return signed.ok ? accept({ value, device }) : signed;
}
