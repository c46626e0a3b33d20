// Every bound of the device's machines, each with the sum that gives it. Nothing here may be computed from input.

/** People on one device; a shared gateway of a ward has about 30. */
export const USERS_MAX = 64;

/** Messages that wait for the hub's receipt: 48 contributions would be a year of weekly ones, 16 receipts of decisions. */
export const OUTBOX_ENTRIES_MAX = 64;

/** Bytes that wait for the hub's receipt: 20 of the largest contributions. */
export const OUTBOX_BYTES_MAX: number = 20 * 96 * 1024;

/** Answered messages that `inspect()` shows. */
export const SETTLED_MAX = 16;

/** Messages between publish and PUBACK: MQTT brokers commonly allow 20 unacknowledged ones, 4 keep the order nearly kept. */
export const OUTBOX_IN_FLIGHT_MAX = 4;

/** No PUBACK for so long means that the connection is stuck, not slow: 96 KB at 50 kbit/s take 16 s. */
export const PUBLISH_DEADLINE_MS = 30_000;

/** First and longest wait for a hub's receipt before a message is sent again. */
export const RECEIPT_WAIT_MS = 5_000;
export const RECEIPT_WAIT_MS_MAX: number = 10 * 60_000;

/** First and longest pause between attempts to connect: a hub that restarts is found in seconds, one that is gone costs little. */
export const CONNECT_PAUSE_MS = 1_000;
export const CONNECT_PAUSE_MS_MAX: number = 5 * 60_000;

/** TCP, TLS, MQTT and subscriptions, over a slow mobile network. */
export const CONNECT_DEADLINE_MS = 30_000;

/** From the enrolment request to the hub's reply. */
export const ENROLMENT_DEADLINE_MS = 30_000;

/** A refused enrolment is asked again so often: someone may have raised the token's count. */
export const ENROLMENT_REFUSED_PAUSE_MS: number = 60 * 60_000;

/** Refusals in a row after which an enrolled device asks for its place again: with their pauses 1 to 2 minutes, longer than a broker
 * takes to restart with its list of passwords. */
export const CONNECT_REFUSALS_MAX = 8;

/** An enrolled device asks for its place again so often at most; each grant uses up one of the times that a key may enrol. */
export const RENEWAL_PAUSE_MS: number = 60 * 60_000;

/** First and longest pause between attempts to fetch a version. */
export const FETCH_PAUSE_MS = 2_000;
export const FETCH_PAUSE_MS_MAX: number = 10 * 60_000;

/** One attempt at fetching; the next one goes on where it stopped. 64 MB at 1 Mbit/s take 9 minutes. */
export const FETCH_DEADLINE_MS: number = 10 * 60_000;

/** Loading and probing a version; the largest takes seconds. */
export const LOAD_DEADLINE_MS: number = 2 * 60_000;

/** Starts without a clean stop while one version bakes, before it counts as the cause. */
export const BAKE_STARTS_MAX = 5;

/** Versions that have baked on this device and are remembered as good. */
export const GOOD_VERSIONS_MAX = 16;

/** Digests of refused decisions that are remembered, so that a retained one is refused once and not at every reconnect. */
export const REFUSED_DECISIONS_MAX = 8;

/** Refusals that `inspect()` shows. */
export const REFUSALS_MAX = 32;

/** Guard verdicts of a user that `inspect()` shows. */
export const VERDICTS_MAX = 16;

/** Personal parameters of a user that are kept for bases which may return. */
export const PARKED_MAX = 2;

/** A training slice that does not come back for so long is lost; slices aim at 20 to 50 ms. */
export const TRAIN_SLICE_DEADLINE_MS: number = 10 * 60_000;

/** Attempts at one training job before it is given up. */
export const TRAIN_ATTEMPTS_MAX = 3;

/** First and longest pause between attempts at a training job or a contribution. */
export const TRAIN_PAUSE_MS = 5_000;
export const TRAIN_PAUSE_MS_MAX: number = 10 * 60_000;

/** Slices between two checkpoints: at 50 ms a slice, a kill loses under half a second of work. */
export const CHECKPOINT_SLICES = 8;

/** A delta that came when the hub's window was full is made again this much later: so long is a window open, as a rule. */
export const CONTRIBUTION_AGAIN_MS: number = 10 * 60_000;

/** Feedback that waits outside the replay buffer while a job trains on it. */
export const FEEDBACK_WAITING_MAX = 64;

/** Recent feedback that no finished job has seen, for the check of a decoded delta: what one guard trial may last. */
export const RECENT_FEEDBACK_MAX = 200;
