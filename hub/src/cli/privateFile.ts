// Files that nobody but their owner may read: keys and tokens. Durable and whole, or not there.
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";

/** Replaces a file by one of mode 0600; folders that are missing are made with mode 0700. Durable before it returns. */
export function writePrivateFile(path: string, content: Uint8Array | string): void {
  const folder = dirname(path);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const draft = `${path}.draft`;
  rmSync(draft, { force: true });
  const handle = openSync(draft, "wx", 0o600);
  try {
    writeFileSync(handle, content);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  renameSync(draft, path);
  syncFolder(folder);
}

/** Makes creations, renames and removals in a folder durable. */
export function syncFolder(folder: string): void {
  // Windows cannot open a folder; its renames are durable by themselves.
  if (process.platform === "win32") return;
  const handle = openSync(folder, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** False when somebody else may read it. Windows has no such mode bits: its folders are private by inheritance. */
export function isPrivateFile(path: string): boolean {
  return process.platform === "win32" || (statSync(path).mode & 0o077) === 0;
}
