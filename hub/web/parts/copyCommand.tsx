// A command that a person may copy: the page itself changes nothing, it says how.
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";

/** A line of shell with a button that copies it. */
export function CopyCommand({ command }: { readonly command: string }): JSX.Element {
  const isCopied = useSignal(false);
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(command);
    } catch {
      // No clipboard outside secure contexts: the text can still be selected, and nothing claims to be copied.
      return;
    }
    isCopied.value = true;
    setTimeout(() => {
      isCopied.value = false;
    }, 2000);
  };
  return (
    <div class="command">
      {/* A scrolling region has to be reachable by keyboard. */}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls */}
      <code tabIndex={0}>{command}</code>
      <button type="button" onClick={() => void copy()}>
        {isCopied.value ? "Copied" : "Copy"}
      </button>
    </div>
  );
}
