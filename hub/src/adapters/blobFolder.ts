// Blobs in a folder, each under its own digest: written, synced, renamed, so that a file that is there is whole.
// It must not know what a blob is.
import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { type Cryptography, type Digest, digestOf, Fault } from "@attune/protocol";

/** Content-addressed storage. */
export interface BlobFolder {
  /** Durable when it resolves; a blob that is there already is left as it is. */
  put(bytes: Uint8Array): Promise<Digest>;
  /** Null when there is no such blob. @throws Fault `blob.corrupt` when its bytes no longer have its digest */
  get(digest: Digest): Promise<Uint8Array | null>;
  /** Size in bytes, or null. */
  size(digest: Digest): Promise<number | null>;
  /** Part of a blob, unchecked: whoever reads a part checks its own block digest. */
  getRange(digest: Digest, start: number, end: number): Promise<Uint8Array | null>;
}

/** Opens a blob folder, making it when it is missing, and clears what an interrupted write left. */
export async function openBlobFolder(
  folder: string,
  cryptography: Cryptography,
): Promise<BlobFolder> {
  const partial = join(folder, "partial");
  await mkdir(partial, { recursive: true });
  for (const name of await readdir(partial)) await rm(join(partial, name), { force: true });
  let writeCount = 0;

  const pathOf = (digest: Digest): string => join(folder, digest.slice(0, 2), digest);
  const sizeOf = async (digest: Digest): Promise<number | null> => {
    try {
      return (await stat(pathOf(digest))).size;
    } catch (error) {
      if (isMissing(error)) return null;
      throw failed(error);
    }
  };

  return {
    async put(bytes) {
      const digest = digestOf(cryptography, bytes);
      if ((await sizeOf(digest)) === bytes.length) return digest;
      writeCount += 1;
      const temporary = join(partial, `${digest}.${writeCount}`);
      try {
        await mkdir(join(folder, digest.slice(0, 2)), { recursive: true });
        await writeSynced(temporary, bytes);
        await rename(temporary, pathOf(digest));
        await syncFolder(join(folder, digest.slice(0, 2)));
        await syncFolder(folder);
      } catch (error) {
        throw failed(error);
      }
      return digest;
    },
    async get(digest) {
      let bytes: Uint8Array;
      try {
        bytes = new Uint8Array(await readFile(pathOf(digest)));
      } catch (error) {
        if (isMissing(error)) return null;
        throw failed(error);
      }
      if (digestOf(cryptography, bytes) !== digest) {
        throw new Fault(`blob ${digest.slice(0, 8)} no longer has its digest`, {
          code: "blob.corrupt",
          hint: "the disk changed it: restore it from a backup, or import the package again",
        });
      }
      return bytes;
    },
    size: sizeOf,
    async getRange(digest, start, end) {
      try {
        const file = await open(pathOf(digest), "r");
        try {
          const bytes = new Uint8Array(end - start);
          const { bytesRead } = await file.read(bytes, 0, bytes.length, start);
          return bytes.subarray(0, bytesRead);
        } finally {
          await file.close();
        }
      } catch (error) {
        if (isMissing(error)) return null;
        throw failed(error);
      }
    },
  };
}

async function writeSynced(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, "w");
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** A rename is durable only when its folder is. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === "ENOENT";
}

function failed(cause: unknown): Fault {
  return new Fault("a blob could not be read or written", {
    code: "blob.io_failed",
    hint: "look at the disk's free space and the rights of the data folder",
    cause,
  });
}
