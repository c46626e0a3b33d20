// Access tokens of the HTTP API: made, revoked. They are kept as digests only.
import { accept, type Outcome, refuse } from "@attune/protocol";
import { ACCESS_TOKENS_MAX } from "../limits.ts";
import type { AccessTokenRow } from "../ports/store.ts";
import { auditEntry, shortId } from "./actParts.ts";
import { makeSecret, secretHash } from "./enrolment.ts";
import type { HubContext } from "./hubContext.ts";

/** Makes an access token; it is shown once, and kept as a digest. */
export async function createAccessToken(
  context: HubContext,
  role: AccessTokenRow["role"],
  note: string,
  actor: string,
): Promise<Outcome<{ readonly id: string; readonly role: string; readonly token: string }>> {
  if (context.memory.accessTokens.size >= ACCESS_TOKENS_MAX) {
    return refuse(
      "operator.state_conflict",
      `there are ${ACCESS_TOKENS_MAX} access tokens already; revoke one that nobody uses`,
    );
  }
  const token = `attune_${role}_${makeSecret(context)}`;
  const id = shortId(context);
  const row: AccessTokenRow = {
    id,
    role,
    hash: secretHash(context, token),
    note,
    createdAtMs: context.clock.nowMs(),
  };
  await context.commit(
    [{ kind: "accessToken", row }],
    [auditEntry(context, actor, "access.created", null, id, note, { role })],
  );
  return accept({ id, role, token });
}

/** Revokes an access token; the last admin token stays. */
export async function revokeAccessToken(
  context: HubContext,
  id: string,
  actor: string,
): Promise<Outcome<null>> {
  const { accessTokens } = context.memory;
  const row = accessTokens.get(id);
  if (row === undefined)
    return refuse("operator.request_invalid", `there is no access token ${id}`);
  const admins = [...accessTokens.values()].filter(({ role }) => role === "admin");
  if (row.role === "admin" && admins.length === 1) {
    return refuse(
      "operator.state_conflict",
      "this is the last admin token; make another one first",
    );
  }
  await context.commit(
    [{ kind: "accessTokenRevoked", id }],
    [auditEntry(context, actor, "access.revoked", null, id, row.note, { role: row.role })],
  );
  return accept(null);
}
