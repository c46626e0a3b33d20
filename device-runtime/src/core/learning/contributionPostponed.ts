// A delta that the hub could not take now, though nothing is wrong with it. It must not build or send one.
import type { Digest } from "@attune/protocol";
import { backoffMs } from "../backoff.ts";
import { CONTRIBUTION_AGAIN_MS } from "../limits.ts";
import type { Transition } from "../transition.ts";

/** The same training is contributed again later, under the next sequence; unless the user has something newer, or agrees no more. */
export function contributionPostponed(
  transition: Transition,
  user: string,
  layer: Digest,
  code: string,
): void {
  const { state, context } = transition;
  const before = state.users[user];
  const own = before?.layer ?? null;
  if (before === undefined || own?.digest !== layer || before.contribution !== null) return;
  if (!state.kept.consent.contribute) return;
  const pauseMs = backoffMs(0, CONTRIBUTION_AGAIN_MS, CONTRIBUTION_AGAIN_MS, context.jitter);
  transition.state = {
    ...state,
    users: {
      ...state.users,
      [user]: {
        ...before,
        contribution: {
          layer: own,
          attempt: 0,
          isRunning: false,
          untilMs: context.nowMs + pauseMs,
        },
        contributionNote: `training ${own.jobIndex} is to be contributed again: the hub said ${code}`,
      },
    },
  };
}
