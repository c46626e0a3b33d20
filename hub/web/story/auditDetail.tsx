// One row of the audit, whole: who, what, why, with which figures, and its place in the chain.
import type { JSX } from "preact";
import { auditSentence } from "../../src/cli/auditSentence.ts";
import type { AuditRow } from "../../src/core/audit/auditChain.ts";
import { routeHref } from "../live/route.ts";
import type { PageModel } from "../pageModel.ts";
import { CopyCommand } from "../parts/copyCommand.tsx";
import { useAsked } from "../parts/useAsked.ts";

/** The view behind `#audit/...`. */
export function AuditDetail({
  model,
  id,
}: {
  readonly model: PageModel;
  readonly id: string;
}): JSX.Element {
  const sequence = Number(id);
  const { answer, error } = useAsked(() =>
    model.hub.audit.peek().some((row) => row.sequence === sequence)
      ? null
      : model.hub.get<{ items: AuditRow[] }>(`/api/audit?after=${sequence - 1}&limit=1`),
  );
  const asked = answer.value?.items.find((row) => row.sequence === sequence) ?? null;
  const row = model.hub.audit.value.find((known) => known.sequence === sequence) ?? asked;
  if (row === null) {
    return (
      <>
        <h2>Row {id}</h2>
        <p class="quiet">
          {error.value !== ""
            ? error.value
            : answer.value === null
              ? "Asking the hub …"
              : "The audit has no such row."}
        </p>
      </>
    );
  }
  return (
    <>
      <h2>{auditSentence(row)}</h2>
      <dl class="facts">
        <dt>Row</dt>
        <dd>{row.sequence}</dd>
        <dt>When</dt>
        <dd>{new Date(row.atMs).toISOString()}</dd>
        <dt>Who</dt>
        <dd>{row.actor}</dd>
        <dt>What</dt>
        <dd>
          <code>{row.action}</code>
        </dd>
        <dt>To what</dt>
        <dd class="digest">
          {/^[0-9a-f]{64}$/.test(row.subject) && model.versions.value.has(row.subject) ? (
            <a href={routeHref("version", row.subject)}>{row.subject}</a>
          ) : (
            row.subject
          )}
        </dd>
        {row.reason !== "" && (
          <>
            <dt>Why</dt>
            <dd>{row.reason}</dd>
          </>
        )}
        <dt>Hash</dt>
        <dd class="digest">{row.hash}</dd>
        <dt>Before it</dt>
        <dd class="digest">{row.previous}</dd>
      </dl>
      {Object.keys(row.detail).length > 0 && (
        <>
          <h3>Figures</h3>
          <pre class="detail">{JSON.stringify(row.detail, null, 2)}</pre>
        </>
      )}
      <h3>Is the record whole?</h3>
      <CopyCommand command={`npx attune audit verify --kept ${row.sequence}:${row.hash}`} />
    </>
  );
}
