// Where bytes too large for MQTT come from, as a port. Whoever calls checks the digest.

/** Reads ranges of blobs. */
export interface BlobSource {
  /**
   * Reads `length` bytes from `from`.
   *
   * @returns exactly `length` bytes, not checked in any other way
   * @throws Fault `blob.unreachable`, `blob.not_found`, `blob.range_wrong`; all may pass
   */
  read(url: string, from: number, length: number, signal: AbortSignal): Promise<Uint8Array>;
}
