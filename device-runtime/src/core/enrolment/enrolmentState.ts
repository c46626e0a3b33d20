// What a device knows about its place in a fleet. It must not know how anything is sent.
import type { CohortId, DeviceId, Digest, FleetId, TrustRoot } from "@attune/protocol";

/** A device without a fleet: it works offline, and enrols when it has a token and a hub. */
export interface NotEnrolled {
  readonly phase: "none";
  /** Ed25519 seed, made before anything is sent, so that a repeated request comes from the same key. Secret. */
  readonly seed: Uint8Array;
  /** 32 hexadecimal digits. */
  readonly nonce: string;
}

/** A device with a place in a fleet. */
export interface Enrolled {
  readonly phase: "enrolled";
  /** Secret. */
  readonly seed: Uint8Array;
  readonly device: DeviceId;
  readonly fleet: FleetId;
  /** MQTT password. Secret. */
  readonly credential: string;
  readonly trustRoot: TrustRoot;
  /** Of its frame: the retained current version comes again with every connection. */
  readonly trustRootDigest: Digest;
  readonly cohort: CohortId;
  readonly assignmentSequence: number;
}

/** Kept on disk. */
export type EnrolmentState = NotEnrolled | Enrolled;

/** How the asking goes; not kept: a restart asks again. */
export interface EnrolmentProgress {
  readonly attempt: number;
  /** The hub's refusal of the last request, or null. */
  readonly refusal: { readonly code: string; readonly message: string } | null;
  /** Times in a row that the broker has refused the name or credential of an enrolled device. */
  readonly refusedCount: number;
  /** Nonce under which an enrolled device asks for its place again, in its next or present connection; null while it does not. */
  readonly renewal: string | null;
  /** Not before then it asks for its place again. */
  readonly renewAtMs: number;
}

/** Nothing was asked yet. */
export const noEnrolmentProgress: EnrolmentProgress = {
  attempt: 0,
  refusal: null,
  refusedCount: 0,
  renewal: null,
  renewAtMs: 0,
};
