// What is still missing before a fleet runs, in the order in which it is done; gone when nothing is.
import type { JSX } from "preact";
import type { HubState } from "../../src/state.ts";
import { CopyCommand } from "./copyCommand.tsx";
import { OutcomeIcon } from "./icons.tsx";

/** The list, or nothing. */
export function FirstSteps({ state }: { readonly state: HubState }): JSX.Element | null {
  const hasChampion = state.lines.some(({ champion }) => champion !== null);
  const steps = [
    {
      isDone: state.trust.version !== null,
      text: "Make release keys, away from the hub. Devices believe them and nobody else.",
      command: "npx attune signer init",
    },
    {
      isDone: hasChampion,
      text: "Let the signer answer the hub's requests, in another terminal.",
      command: "npx attune signer run",
    },
    {
      isDone: state.lines.length > 0,
      text: "Bring a first model. It becomes the champion when it is signed.",
      command: "npx attune model add PACKAGE --line NAME",
    },
    {
      isDone: state.devices.total > 0,
      text: "Let a device in.",
      command: "npx attune device token",
    },
  ];
  if (steps.every(({ isDone }) => isDone)) return null;
  return (
    <section class="panel first-steps" aria-labelledby="first-title">
      <h2 id="first-title">From here to a fleet</h2>
      <ol>
        {steps.map(({ isDone, text, command }) => (
          <li key={command} class={isDone ? "done" : ""}>
            <OutcomeIcon outcome={isDone ? "pass" : "idle"} />
            <div>
              <p>
                {text}
                {isDone && <span class="hidden"> Done.</span>}
              </p>
              {!isDone && <CopyCommand command={command} />}
            </div>
          </li>
        ))}
      </ol>
    </section>
  );
}
