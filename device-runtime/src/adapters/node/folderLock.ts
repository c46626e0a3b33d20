// One process at a time has a folder. The system takes the lock back by itself when a process ends, however it ends. It must not touch the
// folder's files.
import { createHash } from "node:crypto";
import { once } from "node:events";
import { realpath, rm } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Fault } from "@attune/protocol";

/** A folder that nobody else has meanwhile. */
export interface FolderLock {
  /** Harmless twice. */
  release(): Promise<void>;
}

/**
 * Takes a folder, or says who must let go of it.
 *
 * The lock is a local socket with a name made of the folder's: nobody can listen on it twice, and a process that was killed listens no
 * more. On Linux (abstract sockets) and Windows (named pipes) nothing is left behind; elsewhere a file in the system's folder for
 * temporary files is, and is found to be nobody's. It does not reach across machines or containers that share a disk.
 *
 * @throws {@link Fault} `store.in_use`.
 */
export async function lockFolder(folder: string): Promise<FolderLock> {
  const digest = createHash("sha256")
    .update(await realpath(folder))
    .digest("hex");
  const name = `attune-store-${digest.slice(0, 32)}`;
  const path =
    process.platform === "linux"
      ? `\0${name}`
      : process.platform === "win32"
        ? `\\\\.\\pipe\\${name}`
        : join(tmpdir(), `${name}.sock`);
  const server = (await listen(path)) ?? (await listenAnew(path));
  if (server === null) {
    throw new Fault(`the store ${folder} is open already`, {
      code: "store.in_use",
      hint: "give every device a folder of its own, or close the process or device that has this one",
    });
  }
  // Whoever only holds a store may end.
  server.unref();
  return {
    release: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
      }),
  };
}

/** Null when somebody listens there. */
async function listen(path: string): Promise<Server | null> {
  const server = createServer((socket) => socket.destroy());
  try {
    const listening = once(server, "listening");
    server.listen(path);
    await listening;
    return server;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EADDRINUSE") return null;
    throw error;
  }
}

/** A socket that is a file outlives a killed process: one that nobody answers on is taken away. */
async function listenAnew(path: string): Promise<Server | null> {
  if (process.platform === "linux" || process.platform === "win32") return null;
  const socket = connect(path);
  const isAlive = await once(socket, "connect").then(
    () => true,
    () => false,
  );
  socket.destroy();
  if (isAlive) return null;
  await rm(path, { force: true });
  return listen(path);
}
