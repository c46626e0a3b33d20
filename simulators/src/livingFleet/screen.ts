// The terminal: aligned lines with virtual time, who, what. It must not know what any line means.
import type { Ink } from "./ink.ts";
import type { ScreenLine } from "./screenLine.ts";

/** Where text goes. */
export interface ScreenParts {
  readonly write: (text: string) => void;
  readonly ink: Ink;
  /** A line that is written over while something is under way: on terminals only. */
  readonly isTty: boolean;
  readonly columns: number;
  /** Virtual ms since the story's start, or null before it. */
  readonly storyMs: () => number | null;
}

/** What a person reads. */
export interface Screen {
  /** A new part of the story, and what it is about. */
  heading(title: string, about: string): void;
  line(line: ScreenLine): void;
  /** Something that lasts, with its share done. */
  progress(text: string, share: number): void;
  /** As it is. */
  text(text: string): void;
}

/** Lines of one kind that are shown; of the others the fleet's own line tells the number. */
export const LINES_OF_A_KIND_MAX = 4;

const WHO_WIDTH = 9;
const BAR_WIDTH = 30;

/**
 * Virtual time as hours and minutes.
 *
 * @example
 * formatStoryTime(5_460_000); // => "01:31"
 */
export function formatStoryTime(ms: number): string {
  const minutes = Math.floor(Math.max(0, ms) / 60_000);
  const pad = (value: number): string => String(value).padStart(2, "0");
  return `${pad(Math.floor(minutes / 60))}:${pad(minutes % 60)}`;
}

/** Creates a screen. */
export function createScreen({ write, ink, isTty, columns, storyMs }: ScreenParts): Screen {
  const shown = new Map<string, number>();
  let hasProgress = false;
  let lastTenth = -1;
  const clear = (): void => {
    if (hasProgress && isTty) write("\r\u001b[2K");
    hasProgress = false;
    lastTenth = -1;
  };
  /** On a terminal a long text goes on in its own column. */
  const wrapped = (text: string, indent: number): string => {
    const width = columns - indent;
    if (!isTty || width < 40) return text;
    const rows: string[] = [];
    let row = "";
    for (const word of text.split(" ")) {
      if (row !== "" && row.length + 1 + word.length > width) {
        rows.push(row);
        row = word;
      } else row = row === "" ? word : `${row} ${word}`;
    }
    return [...rows, row].join(`\n${" ".repeat(indent)}`);
  };
  return {
    heading(title, about) {
      clear();
      write(`\n${ink.bold(title)}\n${ink.dim(wrapped(about, 0))}\n`);
    },
    line({ who, text, tone, kind }) {
      if (kind !== null) {
        const count = (shown.get(kind) ?? 0) + 1;
        shown.set(kind, count);
        if (count > LINES_OF_A_KIND_MAX) return;
      }
      clear();
      const ms = storyMs();
      const time = ms === null ? "     " : formatStoryTime(ms);
      const indent = time.length + WHO_WIDTH + 4;
      write(
        `${ink.dim(time)}  ${who.padEnd(WHO_WIDTH)}  ${wrapped(text, indent)
          .split("\n")
          .map((row) => ink.tone(tone, row))
          .join("\n")}\n`,
      );
    },
    progress(text, share) {
      const tenth = Math.floor(share * 10);
      if (isTty) {
        const full = Math.round(share * BAR_WIDTH);
        const bar = "█".repeat(full) + "░".repeat(BAR_WIDTH - full);
        write(`\r\u001b[2K       ${bar} ${text}`);
        hasProgress = true;
      } else if (tenth > lastTenth && tenth % 5 === 0) {
        lastTenth = tenth;
        write(`       ${(share * 100).toFixed(0)} % ${text}\n`);
      }
    },
    text(text) {
      clear();
      write(`${text}\n`);
    },
  };
}
