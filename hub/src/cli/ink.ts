// Colour, only where a person sees it. It must not carry meaning that the words do not carry.
import type { Terminal } from "./terminal.ts";

/** Paints text for one stream, or leaves it as it is. */
export interface Ink {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
}

const paint =
  (isOn: boolean, open: number, close: number) =>
  (text: string): string =>
    isOn ? `\u001b[${open}m${text}\u001b[${close}m` : text;

/**
 * Ink for one of the two streams. Off when the stream is no terminal, when `NO_COLOR` is set to anything, or on a dumb terminal.
 *
 * @see no-color.org
 */
export function inkFor(terminal: Terminal, stream: "out" | "err"): Ink {
  const { NO_COLOR, TERM } = terminal.environment;
  const isTty = stream === "out" ? terminal.isOutTty : terminal.isErrTty;
  const isOn = isTty && (NO_COLOR === undefined || NO_COLOR === "") && TERM !== "dumb";
  return {
    bold: paint(isOn, 1, 22),
    dim: paint(isOn, 2, 22),
    red: paint(isOn, 31, 39),
    green: paint(isOn, 32, 39),
    yellow: paint(isOn, 33, 39),
  };
}
