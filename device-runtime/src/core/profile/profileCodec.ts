// A profile as bytes. It must not know where the bytes go.
import { decodeCbor, encodeCbor, type Outcome, refuse } from "@attune/protocol";
import { checkProfile, type Profile } from "./profile.ts";

/** A thousand features with 64 bins each take 1.2 MB: 9 bytes an edge, up to 9 a count. */
export const profileBytesMax = 2_000_000;

/** A profile as CBOR; 36 features with 10 bins take about 7 KB. */
export function encodeProfile(profile: Profile): Uint8Array {
  return encodeCbor(profile);
}

/**
 * Reads a profile from someone who is not trusted.
 *
 * @returns the profile, `frame.too_large`, `frame.not_decodable`, `input.shape_mismatch`, `input.not_finite`.
 */
export function decodeProfile(bytes: Uint8Array): Outcome<Profile> {
  if (bytes.length > profileBytesMax) {
    return refuse(
      "frame.too_large",
      `profile has ${bytes.length} bytes, the limit is ${profileBytesMax}; watch fewer features`,
    );
  }
  const decoded = decodeCbor(bytes);
  return decoded.ok ? checkProfile(decoded.value) : decoded;
}
