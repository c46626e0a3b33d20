// The page's few pictures, drawn with the colour of the text around them. Decoration: words say the same beside each.
import type { JSX } from "preact";

/** A person; filled when the device has learned something of its own. */
export function PersonIcon({ filled }: { readonly filled: boolean }): JSX.Element {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <circle cx="12" cy="8" r="4.2" class={filled ? "filled" : "outlined"} />
      <path
        d="M3.8 21c.6-4.6 4-7 8.2-7s7.6 2.4 8.2 7z"
        stroke-linejoin="round"
        class={filled ? "filled" : "outlined"}
      />
    </svg>
  );
}

/** The project's sign: a wave that becomes regular. */
export function AttuneMark(): JSX.Element {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" />
      <path d="M4 17c1-6 2-6 3 0s1.6 9 2.6 0 1.5-11 2.6 0 1.5 7 2.6 0 1.5-6 2.6 0 1.5 6 2.6 0 1.5-6 2.6 0 1.5 6 2.6 0 1.2-4 1.8-4" />
    </svg>
  );
}

/** What came out of a check. */
export function OutcomeIcon({
  outcome,
}: {
  readonly outcome: "pass" | "fail" | "wait" | "skipped" | "idle";
}): JSX.Element {
  return (
    <svg class={`icon outcome ${outcome}`} viewBox="0 0 24 24" aria-hidden="true">
      <circle cx="12" cy="12" r="10" />
      {outcome === "pass" && <path d="M7 12.5l3.4 3.4L17 9" />}
      {outcome === "fail" && <path d="M8 8l8 8M16 8l-8 8" />}
      {outcome === "wait" && <path d="M12 6.5V12l3.6 2.4" />}
      {(outcome === "skipped" || outcome === "idle") && <path d="M8 12h8" />}
    </svg>
  );
}
