// Routes of the trust root's ceremony and of delegations.
import {
  accept,
  FRAME_SIGNATURES_MAX,
  keyIdSchema,
  modelVersionSchema,
  refuse,
  toHex,
} from "@attune/protocol";
import { z } from "@hono/zod-openapi";
import { SIGNED_AGAIN_MAX } from "../limits.ts";
import { currentTrustRoot, takeDelegation, takeTrustRoot } from "../shell/trustKeeper.ts";
import { type Api, defineRoute } from "./api.ts";
import { idField } from "./idField.ts";
import { refusalProblem } from "./problem.ts";

const frameBody = z.object({ frame: z.base64().max(200_000) });
const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "base64"));
const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");

export function trustRoutes(api: Api): void {
  defineRoute(
    api,
    { method: "get", path: "/api/trust", summary: "Whom the fleet trusts", role: "viewer" },
    ({ hub }) => accept(hub.documents.trust()),
  );
  defineRoute(
    api,
    {
      method: "get",
      path: "/api/trust/hub-key",
      summary: "The hub's online key, for a trust root to name in role hub",
      role: "viewer",
    },
    ({ hub }) =>
      accept({
        publicKey: toHex(hub.context.onlineKey.publicKey),
        keyId: hub.documents.trust().hubKeyId,
      }),
  );
  defineRoute(
    api,
    {
      method: "get",
      path: "/api/trust/root",
      summary: "The current trust root's frame",
      role: "viewer",
    },
    ({ hub }) => {
      const current = currentTrustRoot(hub.context.memory);
      if (current === null) return refuse("operator.version_unknown", "there is no trust root yet");
      const { root, frame, fingerprint } = current;
      return accept({ version: root.version, frame: textOf(frame), fingerprint });
    },
  );
  defineRoute(
    api,
    {
      method: "post",
      path: "/api/trust/root",
      summary:
        "Brings the first trust root, or the next one that the current one's keys have signed, with its keys' signatures of what stays released",
      role: "signer",
      body: z.object({
        ...frameBody.shape,
        records: z
          .array(
            z.object({
              version: idField(modelVersionSchema),
              signatures: z
                .array(
                  z.object({
                    keyId: idField(keyIdSchema),
                    signature: z.string().regex(/^[0-9a-f]{128}$/),
                  }),
                )
                .max(FRAME_SIGNATURES_MAX),
            }),
          )
          .max(SIGNED_AGAIN_MAX)
          .default([]),
      }),
    },
    async ({ hub, body, actor }) => {
      const signedAgain = body.records.map(({ version, signatures }) => ({
        version,
        signatures: signatures.map(({ keyId, signature }) => ({
          keyId,
          signature: new Uint8Array(Buffer.from(signature, "hex")),
        })),
      }));
      const taken = await takeTrustRoot(
        hub,
        bytesOf(body.frame),
        signedAgain,
        hub.isLoopbackOnly,
        actor,
      );
      if (!taken.ok) return taken;
      hub.retainedChanged();
      return accept(hub.documents.trust());
    },
  );
  api.app.get("/trust-roots/:version", (context) => {
    const version = Number(context.req.param("version"));
    const row = api.hub()?.context.memory.trustRoots.get(version);
    if (row === undefined) {
      const message = `there is no trust root ${context.req.param("version").slice(0, 20)}`;
      return refusalProblem(context, { code: "operator.version_unknown", message });
    }
    return context.body(new Uint8Array(row.frame), 200, {
      "content-type": "application/octet-stream",
      "cache-control": "public, max-age=31536000, immutable",
    });
  });
  defineRoute(
    api,
    {
      method: "get",
      path: "/api/delegations",
      summary: "Delegations that release keys have signed, newest first",
      role: "viewer",
      query: z.object({ line: z.string().max(64).optional() }),
    },
    async ({ hub, query }) => {
      const rows = await hub.context.store.delegations({ line: query.line ?? null });
      const items = rows.map((row) => ({ ...row, frame: textOf(row.frame) }));
      return accept({ items, nextCursor: null });
    },
  );
  defineRoute(
    api,
    {
      method: "post",
      path: "/api/delegations",
      summary: "Stores a delegation that release keys have signed",
      role: "signer",
      body: frameBody,
      status: 201,
    },
    ({ hub, body, actor }) => takeDelegation(hub.context, bytesOf(body.frame), actor),
  );
}
