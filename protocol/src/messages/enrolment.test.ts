import { describe, expect, it } from "vitest";
import {
  device,
  deviceKey,
  enrolmentReply,
  enrolmentRequest,
  hubKey,
  line,
  strangerKey,
  trustRoot,
} from "../../test/sampleMessages.ts";
import { decodeMessage, encodeMessage, verifySignatures } from "../codec/message.ts";
import { digestOf, type KeyPair, keyIdOf } from "../crypto/cryptography.ts";
import { nodeCryptography as cryptography } from "../crypto/nodeCryptography.ts";
import { unwrap } from "../errors.ts";
import { checkAssignment } from "../trust/assignmentRules.ts";
import { acceptFirstTrustRoot, verifyRole } from "../trust/trustRules.ts";
import { enrolmentReplyMessage, enrolmentRequestMessage } from "./enrolment.ts";

describe("an enrolment", () => {
  it("[PR51] is asked for by who has the key that it names", () => {
    const provesKey = (signer: KeyPair): boolean => {
      const bytes = encodeMessage(
        enrolmentRequestMessage,
        enrolmentRequest,
        [signer],
        cryptography,
      );
      const { value, frame } = unwrap(decodeMessage(enrolmentRequestMessage, bytes));
      const named = new Map([[keyIdOf(cryptography, value.publicKey), value.publicKey]]);
      return verifySignatures(frame, named, 1, cryptography).ok;
    };
    expect(provesKey(deviceKey)).toBe(true);
    expect(provesKey(strangerKey)).toBe(false);
  });

  it("[PR51] is granted with everything that a device needs to believe it", () => {
    const bytes = encodeMessage(enrolmentReplyMessage, enrolmentReply, [hubKey], cryptography);
    const { value, frame } = unwrap(decodeMessage(enrolmentReplyMessage, bytes));
    const { grant } = value;
    if (grant === undefined) throw new Error("the sample has a grant");
    const fingerprint = digestOf(cryptography, grant.trustRoot);
    const root = unwrap(acceptFirstTrustRoot(grant.trustRoot, fingerprint, false, cryptography));
    expect(root).toStrictEqual(trustRoot);
    expect(verifyRole(frame, root, "hub", cryptography).ok).toBe(true);
    const floor = { device: grant.device, line, assignmentSequence: 0 };
    expect(unwrap(checkAssignment(grant.assignment, floor, root, cryptography)).device).toBe(
      device,
    );
  });
});
