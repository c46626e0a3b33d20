// Text for people that came from somewhere else, made fit to be shown. It must not know who reads it.

/** Control characters (terminal escapes among them), line and paragraph separators, and what reorders text around it. */
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]+/gu;

/**
 * One line of text without anything that a terminal or a page obeys: runs of control and bidirectional characters become one
 * space, a text that is too long ends in an ellipsis. Cleaning is idempotent.
 *
 * @param lengthMax `>= 1`, in UTF-16 units, as `text.length` counts
 * @example
 * plainText("alarm\u001b[2J", 80); // => "alarm [2J"
 * @example
 * plainText("too long", 4); // => "too…"
 */
export function plainText(text: string, lengthMax: number): string {
  const line = text.replace(UNPRINTABLE, " ").toWellFormed();
  if (line.length <= lengthMax) return line;
  // Cut before a surrogate pair, never inside one.
  const cut = line.slice(0, lengthMax - 1);
  return `${/[\ud800-\udbff]$/.test(cut) ? cut.slice(0, -1) : cut}…`;
}
