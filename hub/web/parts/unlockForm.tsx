// Asks for a token when the hub does. A token that only reads is enough for this page.
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import type { LiveHub } from "../live/liveHub.ts";
import { CopyCommand } from "./copyCommand.tsx";

/** The form. */
export function UnlockForm({ hub }: { readonly hub: LiveHub }): JSX.Element {
  const token = useSignal("");
  const error = useSignal("");
  const unlock = async (): Promise<void> => {
    try {
      await hub.unlock(token.value.trim());
      error.value = "";
    } catch (reason) {
      error.value = reason instanceof Error ? reason.message : String(reason);
    }
  };
  return (
    <main class="panel unlock" id="main">
      <h2>This hub wants to know who you are</h2>
      <p>
        Open the address that <code>attune hub start</code> printed, or make a token that may read:
      </p>
      <CopyCommand command="npx attune access create --role viewer" />
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void unlock();
        }}
      >
        <label>
          Token
          <input
            type="password"
            autocomplete="off"
            required
            value={token.value}
            onInput={({ currentTarget }) => {
              token.value = currentTarget.value;
            }}
          />
        </label>
        <button type="submit">Show the fleet</button>
      </form>
      {error.value !== "" && (
        <p class="error" role="alert">
          {error.value}
        </p>
      )}
    </main>
  );
}
