// Door: the hub as a library. Only re-exports.
export { type AuditTone, auditSentence, auditTone } from "./cli/auditSentence.ts";
export type { AuditRow } from "./core/audit/auditChain.ts";
export type { GateCheck, GateReport } from "./core/gate/gateCheck.ts";
export {
  createHub,
  type Hub,
  type HubAddresses,
  type HubMqttOptions,
  type HubOptions,
  type TlsFiles,
} from "./hub.ts";
export {
  type DeepPartial,
  defaultPolicy,
  type LinePolicy,
  type LinePolicyInput,
} from "./policy.ts";
export type * from "./state.ts";
export { decodeValidationSet, encodeValidationSet, type ValidationSet } from "./validationSet.ts";
