// What of the protocol is faster with Node's own modules.
export { nodeCryptography } from "./crypto/nodeCryptography.ts";
