// Ids as schemas of the HTTP API, by the protocol's own forms. They show in the OpenAPI document, which is why they are zod's.
import {
  type CohortId,
  type DeviceId,
  hexForm,
  ID_LENGTH_MAX,
  type KeyId,
  type LineId,
  type ModelVersion,
  nameForm,
  type TextForm,
} from "@attune/protocol";
import { z } from "@hono/zod-openapi";

const text = ({ pattern, message }: TextForm): z.ZodString =>
  z.string().regex(pattern, { message });
const name = text(nameForm).max(ID_LENGTH_MAX);

export const deviceIdSchema: z.ZodType<DeviceId> = name as unknown as z.ZodType<DeviceId>;
export const lineIdSchema: z.ZodType<LineId> = name as unknown as z.ZodType<LineId>;
export const cohortIdSchema: z.ZodType<CohortId> = name as unknown as z.ZodType<CohortId>;
export const keyIdSchema: z.ZodType<KeyId> = text(hexForm(16)) as unknown as z.ZodType<KeyId>;
export const modelVersionSchema: z.ZodType<ModelVersion> = text(
  hexForm(64),
) as unknown as z.ZodType<ModelVersion>;
