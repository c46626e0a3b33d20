// A page in Chromium that races in WebAssembly. It must not know what is raced.
import { openPage } from "./openPage.ts";
import type { TaskName } from "./trainingTask.ts";
import type { RaceResult } from "./trainStepRace.ts";

/** A browser that waits for races. */
export interface BrowserTrack {
  race(name: TaskName): Promise<RaceResult>;
  close(): Promise<void>;
}

/**
 * Opens the page.
 *
 * @param threads of ONNX Runtime's WebAssembly, 1 or more; TensorFlow.js on the CPU has one anyway
 */
export async function openRaceTrack(
  executablePath: string,
  threads: number,
  progress: (line: string) => void,
): Promise<BrowserTrack> {
  const entry = new URL("./racePage.ts", import.meta.url);
  const { tab, load, close } = await openPage(executablePath, entry, progress);
  await load({ threads }, "race").catch(async (cause: unknown) => {
    await close();
    throw cause;
  });
  return { race: (name) => tab.evaluate((task) => race(task), name), close };
}
