// What a device needs to speak with a hub, as an app hands it in. Types only.
import type { Cryptography, DeviceId, EnrolmentToken } from "@attune/protocol";
import type { BlobSource } from "../ports/blobSource.ts";
import type { Link } from "../ports/link.ts";

/** The way to a hub. */
export interface HubAccess {
  /** Null for a device that has none now, and may have had one. */
  readonly link: Link | null;
  /** The hub is on this machine, so that the keys of a demo are good enough. */
  readonly isLoopback: boolean;
  readonly token: EnrolmentToken | null;
  readonly proposedId: DeviceId | null;
  readonly blobSource: BlobSource;
  readonly cryptography: Cryptography;
}

/** What an app says about its hub. */
export interface HubOptions {
  /** `mqtts://` or `wss://`, on this machine also `mqtt://` or `ws://`. */
  readonly url?: string | undefined;
  /**
   * Lets `mqtt://` and `ws://` reach another machine, and blobs come from there by `http://`. Whoever listens on the way then reads the
   * enrolment token and the device's credential, and can act as the device: for networks that are trusted, or encrypted underneath.
   */
  readonly allowPlainText?: boolean;
  /** From the hub's operator; needed once. */
  readonly enrolmentToken?: string;
  /** A name to enrol under, such as `ward-3-bed-2`: lower-case letters, digits, inner hyphens. The hub makes one up otherwise. */
  readonly proposedId?: string;
  /** A connection in place of `url`. */
  readonly link?: Link;
  readonly blobSource?: BlobSource;
}
