// How much evidence there is against how much it takes, on a logarithmic scale: e-values multiply.
import type { JSX } from "preact";
import { evidenceText } from "../parts/words.ts";

interface EvidenceBarProps {
  readonly label: string;
  readonly value: number;
  readonly limit: number;
  /** What reaching the limit means. */
  readonly meaning: "good" | "bad";
}

/** Evidence of 1 is none at all; it stands where nothing has been seen. */
const share = (value: number, limit: number): number =>
  Math.max(0, Math.min(1, Math.log(Math.max(value, 1)) / Math.log(limit)));

/** A bar that is full at the limit. */
export function EvidenceBar({ label, value, limit, meaning }: EvidenceBarProps): JSX.Element {
  const isReached = value >= limit;
  const text = `${evidenceText(value)} of ${evidenceText(limit)}`;
  return (
    <div class={`evidence ${meaning} ${isReached ? "reached" : ""}`}>
      <span class="evidence-label">{label}</span>
      <progress max="1" value={share(value, limit)} aria-label={`${label}: ${text}`} />
      <span class="evidence-value">{text}</span>
    </div>
  );
}
