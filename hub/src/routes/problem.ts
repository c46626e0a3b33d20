// Refusals as HTTP: one table from code to status, one form (RFC 9457). It must not know any route.
import type { Refusal, RefusalCode } from "@attune/protocol";
import type { Context } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";

/** Statuses that differ from 422, which every other refusal gets. */
const statuses: Readonly<Partial<Record<RefusalCode, ContentfulStatusCode>>> = {
  "operator.unauthorized": 401,
  "operator.version_unknown": 404,
  "operator.cohort_unknown": 404,
  "device.unknown": 404,
  "operator.state_conflict": 409,
  "record.security_epoch_too_low": 409,
  "blob.too_large": 413,
  "frame.too_large": 413,
};

const titles: Readonly<Record<number, string>> = {
  400: "Bad request",
  401: "Not authorized",
  403: "Forbidden",
  404: "Not found",
  409: "Conflict",
  413: "Too large",
  422: "Not acceptable as it is",
  500: "The hub failed",
  503: "Not ready",
};

/** An answer of `application/problem+json`. */
export function problem(
  context: Context,
  { code, message }: { readonly code: string; readonly message: string },
  status: ContentfulStatusCode,
): Response {
  const body = {
    type: "about:blank",
    title: titles[status] ?? "Refused",
    status,
    code,
    detail: message,
  };
  return context.body(JSON.stringify(body), status, { "content-type": "application/problem+json" });
}

/** The problem of a refusal. */
export function refusalProblem(context: Context, refusal: Refusal): Response {
  return problem(context, refusal, statuses[refusal.code] ?? 422);
}
