// Parameter sets of released versions and candidates, read from their blobs and kept while they are in use.
import {
  assertDefect,
  type BlobRef,
  type Digest,
  decodeParameters,
  type ModelVersion,
  type ParameterSet,
  unwrap,
} from "@attune/protocol";
import { PARAMETER_SETS_CACHED_MAX } from "../limits.ts";
import type { HubContext } from "./hubContext.ts";

/** Reads parameter sets. */
export interface ParameterShelf {
  /** Null for a version that the hub does not know. */
  of(version: ModelVersion): Promise<ParameterSet | null>;
  /** Exact bytes of every part of a known version. */
  partsOf(version: ModelVersion): Promise<PartBytes>;
}

/** The exact bytes of a model package's parts. */
export interface PartBytes {
  readonly graph: Uint8Array;
  readonly parameters: Uint8Array;
  readonly preprocessing: Uint8Array;
  readonly calibration: Uint8Array;
  readonly learning: Uint8Array;
}

/** Creates a shelf that keeps the sets that were asked for last. */
export function createParameterShelf({
  memory,
  blobs,
}: Pick<HubContext, "memory" | "blobs">): ParameterShelf {
  const kept = new Map<Digest, Promise<ParameterSet>>();

  const bytesOf = async (ref: BlobRef): Promise<Uint8Array> => {
    const bytes = await blobs.get(ref.digest);
    assertDefect(bytes !== null, "blob.missing", `blob ${ref.digest} of a known version is gone`);
    return bytes;
  };

  return {
    of(version) {
      const row = memory.versions.get(version);
      if (row === undefined) return Promise.resolve(null);
      const { digest } = row.parts.parameters;
      const known = kept.get(digest);
      const set =
        known ?? bytesOf(row.parts.parameters).then((bytes) => unwrap(decodeParameters(bytes)));
      // Deleted and set again: a map's order is then the order of use.
      kept.delete(digest);
      kept.set(digest, set);
      for (const oldest of kept.keys()) {
        if (kept.size <= PARAMETER_SETS_CACHED_MAX) break;
        kept.delete(oldest);
      }
      set.catch(() => kept.delete(digest));
      return set;
    },
    async partsOf(version) {
      const row = memory.versions.get(version);
      assertDefect(row !== undefined, "version.missing", `version ${version} is not known`);
      const { graph, parameters, preprocessing, calibration, learning } = row.parts;
      const [g, p, x, c, l] = await Promise.all(
        [graph, parameters, preprocessing, calibration, learning].map(bytesOf),
      );
      return {
        graph: g as Uint8Array,
        parameters: p as Uint8Array,
        preprocessing: x as Uint8Array,
        calibration: c as Uint8Array,
        learning: l as Uint8Array,
      };
    },
  };
}
