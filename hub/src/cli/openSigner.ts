// A signer's folder with its hub: keys, trust root, and how both follow a root that was rotated. It signs nothing.
import {
  acceptNextTrustRoot,
  decodeMessage,
  Fault,
  keysOfRole,
  type Refusal,
  type TrustRoot,
  trustRootMessage,
} from "@attune/protocol";
import { nodeCryptography as cryptography } from "@attune/protocol/node";
import { isLoopbackUrl } from "../signer/loopback.ts";
import { openSignerFolder, type ReleaseKey, type SignerFolder } from "../signer/signerFolder.ts";
import type { TrustState } from "../state.ts";
import { CommandError, exitCodes } from "./exitCodes.ts";
import { createHubClient, type HubClient } from "./hubClient.ts";
import type { Invocation } from "./invocation.ts";

/** The option that every command of the signer takes. */
export interface FolderOption {
  readonly folder: string;
}

/** What a check refused, as the end of a command. */
export const refused = ({ code, message }: Refusal, hint: string): CommandError =>
  new CommandError(exitCodes.refused, code, message, hint);

/** @throws CommandError `trust.demo_key_forbidden` for demo keys and a hub elsewhere */
export function assertDemoOnLoopback(isDemo: boolean, url: string): void {
  if (!isDemo || isLoopbackUrl(url)) return;
  throw new CommandError(
    exitCodes.refused,
    "trust.demo_key_forbidden",
    `demo keys are for a hub on this machine, and ${url} is not`,
    "make real keys: attune signer init without --demo",
  );
}

/** @throws Fault `signer.root_damaged` */
export const readRoot = (frame: Uint8Array): TrustRoot => {
  const message = decodeMessage(trustRootMessage, frame);
  if (message.ok) return message.value.value;
  throw new Fault(
    `the trust root in the signer's folder cannot be read: ${message.refusal.message}`,
    {
      code: "signer.root_damaged",
      hint: "restore trust-root.frame from your copy, or from the hub's /api/trust/root when its fingerprint is the one you noted",
    },
  );
};

/** A signer's folder, opened for work. */
export interface OpenSigner {
  readonly folder: SignerFolder;
  readonly keys: readonly ReleaseKey[];
  readonly trustRoot: TrustRoot;
  readonly hub: HubClient;
}

/** Keys, trust root and hub, with the hub's newer trust roots taken over when the keys here have signed them. */
export async function openSigner(invocation: Invocation<FolderOption>): Promise<OpenSigner> {
  const folder = openSignerFolder(invocation.options.folder);
  const connection = folder.connection();
  const frame = folder.trustRoot();
  if (connection === null || frame === null) {
    throw new CommandError(
      exitCodes.refused,
      "operator.state_conflict",
      `${folder.path} holds no signer`,
      "make one with: attune signer init; or name its folder with --folder",
    );
  }
  const hub = createHubClient(connection.url, connection.token);
  return followRoot({ folder, keys: [], trustRoot: readRoot(frame), hub });
}

/** The same signer under the hub's current trust root: the same object while there is no newer one. */
export async function followRoot(opened: OpenSigner): Promise<OpenSigner> {
  const { folder, hub } = opened;
  const trustRoot = await currentRoot(folder, opened.trustRoot, hub);
  if (trustRoot.version === opened.trustRoot.version && opened.keys.length > 0) return opened;
  const releaseKeys = keysOfRole(trustRoot, "release", cryptography);
  const keys = folder.keys().filter(({ keyId }) => releaseKeys.has(keyId));
  if (keys.length === 0) {
    throw new CommandError(
      exitCodes.refused,
      "signature.key_unknown",
      `${folder.path} has no key that trust root ${trustRoot.version} names`,
      "name the right folder with --folder, or restore the keys from your copy",
    );
  }
  assertDemoOnLoopback(trustRoot.isDemo || keys.some(({ isDemo }) => isDemo), hub.url);
  return { folder, keys, trustRoot, hub };
}

async function currentRoot(
  folder: SignerFolder,
  known: TrustRoot,
  hub: HubClient,
): Promise<TrustRoot> {
  const { version } = await hub.json<TrustState>("GET", "/api/trust");
  let root = known;
  for (let number = known.version + 1; number <= (version ?? 0); number += 1) {
    const next = await hub.bytes(`/trust-roots/${number}`, ROOT_BYTES_MAX);
    const accepted = acceptNextTrustRoot(root, next, cryptography);
    if (!accepted.ok) {
      throw refused(accepted.refusal, "the hub shows a trust root that these keys did not sign");
    }
    root = accepted.value;
    folder.setTrustRoot(next);
  }
  return root;
}

/** 16 keys of 32 bytes, 8 signatures of 72 and the fields between them, rounded up. */
export const ROOT_BYTES_MAX = 4096;
