// A user's own parameters as files, and their move to another base. It must not decide when they answer.
import {
  type Digest,
  decodeParameters,
  digestLater,
  encodeParameters,
  type LaterHashing,
  type ParameterSet,
  parameterSetOf,
} from "@attune/protocol";
import { type FileStore, fileNames, readChecked } from "./files.ts";

/** Reads a user's parameters; null when the file is missing or damaged. */
export async function readLayer(
  files: FileStore,
  user: string,
  digest: Digest,
  hashing: LaterHashing,
): Promise<ParameterSet | null> {
  const bytes = await readChecked(files, fileNames.parameters(user, digest), digest, hashing);
  const decoded = bytes === null ? null : decodeParameters(bytes);
  return decoded?.ok === true ? decoded.value : null;
}

/** Writes a user's parameters; durable before return. */
export async function writeLayer(
  files: FileStore,
  user: string,
  parameters: ParameterSet,
  hashing: LaterHashing,
): Promise<Digest> {
  const bytes = encodeParameters(parameters);
  const digest = await digestLater(hashing, bytes);
  await files.write(fileNames.parameters(user, digest), bytes);
  return digest;
}

/**
 * Puts the difference between a user's parameters and their base on another base.
 *
 * @param layer the user's parameters
 * @param before the same parameters of the old base
 * @param after the same parameters of the new base
 * @returns `after + (layer - before)`, or null when the bases are of different shapes or the sum is not finite
 */
export function rebaseLayer(
  layer: ParameterSet,
  before: ParameterSet,
  after: ParameterSet,
): ParameterSet | null {
  const isAlike = (other: ParameterSet): boolean =>
    other.length === layer.length &&
    layer.every(
      ({ name, dims }, index) =>
        other[index]?.name === name && other[index].dims.join() === dims.join(),
    );
  if (!isAlike(before) || !isAlike(after)) return null;
  const moved = layer.map(({ name, dims, data }, tensor) => ({
    name,
    dims,
    data: data.map(
      (value, index) =>
        (after[tensor]?.data[index] as number) + (value - (before[tensor]?.data[index] as number)),
    ),
  }));
  return moved.every(({ data }) => data.every(Number.isFinite)) ? parameterSetOf(moved) : null;
}
