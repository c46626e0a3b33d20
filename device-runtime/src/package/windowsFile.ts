// Labelled windows as text that any tool writes. It must not know where the text comes from.
import { accept, type Outcome, refuse } from "@attune/protocol";
import type { LabelledWindows } from "./labelledWindows.ts";
import { type Preprocessing, windowLength } from "./preprocessing.ts";

/**
 * Reads windows from comma-separated lines: the label, whose window it is, then the numbers of the window in raw units and the package's layout. The
 * first line names the columns and is not read; order of lines is order of time.
 *
 * @returns `input.shape_mismatch` or `input.not_finite` with the line
 * @example
 * const preprocessing = { labels: ["still", "moving"], channels: [{ name: "x", offset: 0, scale: 1 }], windowSamples: 2, hopSamples: 1, sampleRateHz: 1, layout: "channelsFirst" as const };
 * const read = parseWindows("label,person,x0,x1\nmoving,anna,1,2\n", preprocessing);
 * read; // => { ok: true, value: { windows: Float32Array.of(1, 2), labels: Int32Array.of(1), persons: Int32Array.of(0) } }
 */
export function parseWindows(
  text: string,
  preprocessing: Preprocessing,
): Outcome<Required<LabelledWindows>> {
  const length = windowLength(preprocessing);
  const lines = text.split(/\r?\n/).slice(1);
  while (lines.at(-1)?.trim() === "") lines.pop();
  const windows = new Float32Array(lines.length * length);
  const labels = new Int32Array(lines.length);
  const persons = new Int32Array(lines.length);
  const personNumbers = new Map<string, number>();
  for (const [index, line] of lines.entries()) {
    const [label = "", person = "", ...numbers] = line.split(",");
    const where = `line ${index + 2}`;
    const known = preprocessing.labels.indexOf(label.trim());
    if (known < 0) {
      return refuse(
        "input.shape_mismatch",
        `${where} has the label "${label}", the model knows ${preprocessing.labels.join(", ")}; leave it out`,
      );
    }
    if (numbers.length !== length) {
      return refuse(
        "input.shape_mismatch",
        `${where} has ${numbers.length} numbers behind label and person, a window has ${length}`,
      );
    }
    for (const [place, number] of numbers.entries()) {
      const value = number.trim() === "" ? Number.NaN : Number(number);
      if (!Number.isFinite(Math.fround(value))) {
        return refuse(
          "input.not_finite",
          `${where} has "${number}" in place ${place + 1} of its window; leave such windows out`,
        );
      }
      windows[index * length + place] = value;
    }
    labels[index] = known;
    const name = person.trim();
    if (!personNumbers.has(name)) personNumbers.set(name, personNumbers.size);
    persons[index] = personNumbers.get(name) as number;
  }
  return accept({ windows, labels, persons });
}
