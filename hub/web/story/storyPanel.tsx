// The audit as a story that a person can read: newest first, one sentence a row, the row itself one click away.
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { auditSentence, auditTone } from "../../src/cli/auditSentence.ts";
import type { AuditRow } from "../../src/core/audit/auditChain.ts";
import { routeHref } from "../live/route.ts";
import type { PageModel } from "../pageModel.ts";
import { countOf } from "../parts/words.ts";

interface Chapter {
  readonly name: string;
  readonly holds: (row: AuditRow) => boolean;
}

const chapters: readonly Chapter[] = [
  {
    name: "Story",
    holds: ({ action }) =>
      /^(?:window|candidate|gate|approval|signing|release|rollout|rollback|pin|model|trust|validation|policy|hub)\./.test(
        action,
      ),
  },
  { name: "Devices", holds: ({ action }) => /^(?:device|contribution|receipt)\./.test(action) },
  { name: "Refusals", holds: ({ action }) => /refus/.test(action) },
  { name: "All", holds: () => true },
];

/** Rows that are drawn; older ones come when they are asked for. */
const ROWS_STEP = 60;

/** The panel. */
export function StoryPanel({ model }: { readonly model: PageModel }): JSX.Element {
  const chosen = useSignal("Story");
  const rowsMax = useSignal(ROWS_STEP);
  const isLoading = useSignal(false);
  const chapter = chapters.find(({ name }) => name === chosen.value) ?? chapters[0];
  const known = model.hub.audit.value;
  const rows = known.filter((row) => chapter?.holds(row) ?? true);
  const hasOlder = rows.length > rowsMax.value || (known.at(-1)?.sequence ?? 1) > 1;
  const older = async (): Promise<void> => {
    rowsMax.value += ROWS_STEP;
    if (rows.length >= rowsMax.value) return;
    isLoading.value = true;
    // When the hub is away the page says so at its top.
    await model.hub.loadOlder().catch(() => {});
    isLoading.value = false;
  };
  return (
    <section class="panel story" aria-labelledby="story-title">
      <header>
        <h2 id="story-title">What happened</h2>
        <p class="quiet">{countOf(model.hub.state.value?.audit.length ?? 0, "audited act")}</p>
      </header>
      <div class="filters" role="group" aria-label="Which acts are shown">
        {chapters.map(({ name }) => (
          <button
            key={name}
            type="button"
            class="filter"
            aria-pressed={chosen.value === name}
            onClick={() => {
              chosen.value = name;
              rowsMax.value = ROWS_STEP;
            }}
          >
            {name}
          </button>
        ))}
      </div>
      {rows.length === 0 ? (
        <p class="empty quiet">Nothing of this kind has happened.</p>
      ) : (
        <ol class="rows">
          {rows.slice(0, rowsMax.value).map((row) => (
            <StoryRow key={row.sequence} row={row} />
          ))}
        </ol>
      )}
      {hasOlder && (
        <button type="button" class="more" disabled={isLoading.value} onClick={() => void older()}>
          {isLoading.value ? "Asking …" : "Older"}
        </button>
      )}
    </section>
  );
}

const clock = (atMs: number): string =>
  new Date(atMs).toLocaleTimeString("en-GB", { hour12: false });

function StoryRow({ row }: { readonly row: AuditRow }): JSX.Element {
  return (
    <li class={`row ${auditTone(row)}`}>
      <a href={routeHref("audit", String(row.sequence))} title={`row ${row.sequence}`}>
        <time dateTime={new Date(row.atMs).toISOString()}>{clock(row.atMs)}</time>
        <span>{auditSentence(row)}</span>
      </a>
    </li>
  );
}
