// A view that lies over the page: it has an address, takes the focus, closes with Escape, and gives the focus back.
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";

/** A modal sheet at the right; on small screens it covers the page. */
export function Overlay({
  label,
  children,
}: {
  readonly label: string;
  readonly children: ComponentChildren;
}): JSX.Element {
  const sheet = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = sheet.current;
    if (dialog === null) return;
    dialog.showModal();
    return () => dialog.close();
  }, []);
  const close = (): void => {
    // Replaces nothing: back leads here again.
    location.hash = "";
  };
  return (
    <dialog
      ref={sheet}
      class="overlay"
      aria-label={label}
      onCancel={(event) => {
        event.preventDefault();
        close();
      }}
      onClick={(event) => {
        if (event.target === sheet.current) close();
      }}
    >
      <div class="sheet">
        <button type="button" class="close" onClick={close} aria-label="Close">
          ×
        </button>
        {children}
      </div>
    </dialog>
  );
}
