// Colour, only where a person sees it. It must not carry meaning that the words do not carry.
import type { AuditTone } from "@attune/hub";

/** Paints text, or leaves it as it is. */
export interface Ink {
  bold(text: string): string;
  dim(text: string): string;
  tone(tone: AuditTone, text: string): string;
}

const colours: Readonly<Record<AuditTone, number | null>> = {
  good: 32,
  bad: 31,
  wait: 33,
  plain: null,
};

/** Ink that paints, or does not. */
export function createInk(isOn: boolean): Ink {
  const paint = (open: number, close: number, text: string): string =>
    isOn ? `\u001b[${open}m${text}\u001b[${close}m` : text;
  return {
    bold: (text) => paint(1, 22, text),
    dim: (text) => paint(2, 22, text),
    tone(tone, text) {
      const colour = colours[tone];
      return colour === null ? text : paint(colour, 39, text);
    },
  };
}

/**
 * Whether to paint on a stream: on a terminal only, never when `NO_COLOR` is set to anything, nor on a dumb one.
 *
 * @see no-color.org
 */
export function wantsColour(
  isTty: boolean,
  environment: Readonly<Record<string, string | undefined>>,
): boolean {
  const { NO_COLOR, TERM } = environment;
  return isTty && (NO_COLOR === undefined || NO_COLOR === "") && TERM !== "dumb";
}
