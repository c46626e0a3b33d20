// What a person may do about a challenger, as commands; the page itself only reads. Nothing where nothing is to be done.
import type { JSX } from "preact";
import type { ChallengerState } from "../../src/state.ts";
import { CopyCommand } from "../parts/copyCommand.tsx";

interface Choice {
  readonly what: string;
  readonly command: string;
}

/** The commands that fit a challenger's stage. */
function choicesFor(challenger: ChallengerState): readonly Choice[] {
  const { stage, version, signingRequest, source, signerWaits } = challenger;
  const short = version?.short ?? "";
  const reason = '--reason "..."';
  const halt: Choice = {
    what: "Stop it: it never grows again and is rolled back",
    command: `npx attune rollout halt ${reason}`,
  };
  switch (stage) {
    case "held":
    case "approving":
      return [
        { what: "Let it go on", command: `npx attune version approve ${short} ${reason}` },
        { what: "End it", command: `npx attune version reject ${short} ${reason}` },
      ];
    case "signing":
      return signingRequest === null || !isPersonAsked(challenger)
        ? []
        : [
            {
              what: "Sign it on your word",
              command: `npx attune signer approve ${signingRequest}`,
            },
            ...(source === "aggregate" && signerWaits !== null && version?.base
              ? [
                  {
                    what: "Let the signer sign it, and those that follow it",
                    command: `npx attune signer delegate --base ${version.line}@${version.base.slice(0, 8)} --norm-max 5`,
                  },
                ]
              : []),
          ];
    case "canary":
      return [
        {
          what: "Let it spread although the canaries cannot show enough",
          command: `npx attune rollout proceed ${reason}`,
        },
        halt,
      ];
    case "spreading":
      return [halt];
    case "preparing":
    case "validating":
    case "shadowing":
    case "halted":
      return [];
  }
}

/** Whether a challenger waits for a person and for nobody else. */
export const isPersonAsked = ({ stage, source, signerWaits }: ChallengerState): boolean =>
  stage === "held" ||
  stage === "approving" ||
  (stage === "signing" && (source === "imported" || signerWaits !== null));

/** The list; open where a person is asked. */
export function PersonCommands({
  challenger,
}: {
  readonly challenger: ChallengerState;
}): JSX.Element | null {
  const choices = choicesFor(challenger);
  if (choices.length === 0) return null;
  const isAsked = isPersonAsked(challenger);
  return (
    <details open={isAsked} key={challenger.stage}>
      <summary>{isAsked ? "A person decides" : "If you know better"}</summary>
      {choices.map(({ what, command }) => (
        <div class="choice-of" key={command}>
          <p class="quiet">{what}</p>
          <CopyCommand command={command} />
        </div>
      ))}
    </details>
  );
}
