// The way to a hub from what an app says about it, checked before anything is sent. On a page it loads with what speaks with the hub.
import {
  type Cryptography,
  deviceIdSchema,
  Fault,
  parseEnrolmentToken,
  portableCryptography,
  unwrap,
} from "@attune/protocol";
import { createHttpBlobSource } from "../adapters/httpBlobSource.ts";
import { createMqttLink } from "../adapters/mqttLink.ts";
import type { BlobSource } from "../ports/blobSource.ts";
import type { HubAccess, HubOptions } from "./hubAccess.ts";

const misused = (message: string, hint: string): Fault =>
  new Fault(message, { code: "device.option_invalid", hint });

/**
 * Opens the way to a hub; nothing is connected yet.
 *
 * @throws Fault `device.option_invalid`
 */
export function openHub(
  options: HubOptions,
  cryptography: Cryptography = portableCryptography,
): HubAccess {
  const { url } = options;
  const token =
    options.enrolmentToken === undefined ? null : parseEnrolmentToken(options.enrolmentToken);
  if (token?.ok === false) {
    throw misused(token.refusal.message, "ask the hub's operator for a new enrolment token");
  }
  const proposedId =
    options.proposedId === undefined ? null : deviceIdSchema.safeParse(options.proposedId);
  if (proposedId?.success === false) {
    throw misused(
      `proposedId "${options.proposedId}" is not a device id`,
      "use lower-case letters, digits and inner hyphens, like ward-3-bed-2",
    );
  }
  const mayBePlain = options.allowPlainText ?? false;
  if (url !== undefined && !mayBePlain && isPlainText(url) && !isLoopback(url)) {
    throw misused(
      `hub ${url} is on another machine and not encrypted: the enrolment token and the credential would travel in clear`,
      "use mqtts:// or wss://, or say allowPlainText: true on a network that you trust",
    );
  }
  const httpBlobs = createHttpBlobSource();
  return {
    link: options.link ?? (url === undefined ? null : createMqttLink(url)),
    isLoopback: url === undefined ? options.link !== undefined : isLoopback(url),
    token: token === null ? null : unwrap(token),
    proposedId: proposedId?.data ?? null,
    blobSource: options.blobSource ?? (mayBePlain ? httpBlobs : encryptedOnly(httpBlobs)),
    cryptography,
  };
}

/** Blobs are checked by their digests, but who listens on the way need not know which models a device has. */
function encryptedOnly(source: BlobSource): BlobSource {
  return {
    read(url, from, length, signal) {
      if (!isPlainText(url) || isLoopback(url)) return source.read(url, from, length, signal);
      return Promise.reject(
        new Fault(`the blob's address ${url} is on another machine and not encrypted`, {
          code: "blob.plain_text_refused",
          hint: "serve the hub's blobs by https://, or say allowPlainText: true on a network that you trust",
        }),
      );
    },
  };
}

/** Whether whoever listens on the way reads what is said. */
function isPlainText(address: string): boolean {
  return ["mqtt:", "tcp:", "ws:", "http:"].includes(URL.parse(address)?.protocol ?? "");
}

/** Whether an address is this machine's own. */
function isLoopback(address: string): boolean {
  const host = URL.parse(address)?.hostname ?? "";
  return host === "localhost" || host === "[::1]" || /^127(?:\.\d{1,3}){3}$/.test(host);
}
