// Every bound of the hub, each with the sum that gives it. Nothing here may be computed at run time from input.

/** Rows of one commit: a receipt's frame holds as many entries, see the protocol's RECEIPT_ENTRIES_MAX. */
export const COMMIT_ROWS_MAX = 256;

/** Bytes of one commit: what SQLite writes and syncs in a few milliseconds on a slow disk. */
export const COMMIT_BYTES_MAX: number = 1024 * 1024;

/** How long a row waits for company before it is committed. */
export const COMMIT_DELAY_MS = 5;

/** Messages between their arrival and their commit; beyond, a message is dropped and the device sends it again for want of a receipt. */
export const INTAKE_PENDING_MAX: number = 16 * COMMIT_ROWS_MAX;

/** Entries of one receipt frame: one signature (32 µs) for 32 messages, at about 3 KB to each device in it. */
export const RECEIPT_ENTRIES_PER_FRAME = 32;

/** Refused messages whose exact answer is kept, so that the same bytes get the same answer; older ones are judged anew. */
export const REFUSED_KEPT_MAX = 10_000;

/** Enrolled devices of one hub: 100,000 x about 1 KB in memory. */
export const DEVICES_MAX = 100_000;

/** Enrolment tokens that are neither used up nor expired. */
export const ENROLMENT_TOKENS_MAX = 10_000;

/** Times that one key may enrol, each with a nonce of its own: 32 x 32 characters a device. */
export const ENROLMENTS_PER_KEY_MAX = 32;

/** Access tokens. */
export const ACCESS_TOKENS_MAX = 256;

/** Model lines of one hub. */
export const LINES_MAX = 256;

/** Cohorts of one line. */
export const COHORTS_MAX = 256;

/** Imported versions of one line that wait for their turn. */
export const QUEUE_MAX = 8;

/** Parameter sets in memory: the champion, its ancestors within the staleness limit, and the challenger, for a few lines. */
export const PARAMETER_SETS_CACHED_MAX = 16;

/** Contributions whose bytes are in memory at once while a window is summed: 64 x 96 KB = 6 MB. */
export const AGGREGATE_ROWS_MAX = 64;

/** Devices that the state document shows; the rest is under /api/devices. */
export const STATE_DEVICES_MAX = 500;

/** Refusals and audit rows that the state document shows. */
export const STATE_LATEST_MAX = 20;

/** Versions of a line that the state document shows. */
export const STATE_VERSIONS_MAX = 20;

/** Faults that are remembered for the state document. */
export const FAULTS_KEPT_MAX = 10;

/** At most one state document per listener in this time: four a second is as fast as a person reads. */
export const STATE_INTERVAL_MS = 250;

/** Listeners of /api/events. */
export const EVENT_LISTENERS_MAX = 64;

/** Audit rows that wait for one slow listener; beyond, it is disconnected and continues from its last row. */
export const EVENT_BACKLOG_MAX = 1024;

/** Rows of one page of a list. */
export const PAGE_ROWS_MAX = 500;

/** Rows of one page of a list when nobody says. */
export const PAGE_ROWS_DEFAULT = 100;

/** Release records that one new trust root signs again: with 4 signatures of 190 characters each, within JSON_BODY_BYTES_MAX. */
export const SIGNED_AGAIN_MAX = 256;

/** Body of a JSON request. */
export const JSON_BODY_BYTES_MAX: number = 256 * 1024;

/** Body of an uploaded model package or validation set: the largest blob of the protocol, and an eighth for the other parts. */
export const UPLOAD_BYTES_MAX: number = 80 * 1024 * 1024;

/** Windows of a validation set: 100,000 x 6 x 128 x 4 bytes would be 307 MB, so bytes bind first; this bounds the answers. */
export const VALIDATION_SAMPLES_MAX = 100_000;

/** People of a validation set. */
export const VALIDATION_PERSONS_MAX = 4096;

/** Bytes of one MQTT packet that the embedded broker takes before it hangs up: a largest frame, and as much again to refuse it by its code. */
export const MQTT_PACKET_BYTES_MAX: number = 192 * 1024;

/** Characters of an MQTT client id: a device id, or `enrol-` and 32 hexadecimal digits. */
export const MQTT_CLIENT_ID_LENGTH_MAX = 128;

/** How long an MQTT client may leave what is sent to it unread before its connection ends: a decision must not wait for it longer. */
export const MQTT_DRAIN_MS_MAX = 10_000;

/** HTTP connections: people, screens, signers, and devices that fetch a blob. */
export const HTTP_CONNECTIONS_MAX = 1024;

/** Room on the disk below which health tries a write: SQLite's log may take that much more before it is folded back, 1000 pages of 4 KB. */
export const DISK_FREE_MIN_BYTES: number = 4 * 1024 * 1024;

/** Connected MQTT clients. */
export const MQTT_CLIENTS_MAX = 20_000;

/**
 * Share of devices that drift on one series in one direction for a reason of their own, at most. A false alarm stands for 256 of 10,000 windows
 * (2.6 %) over all series together; people who change do so on few of them.
 */
export const DRIFT_ALONE_SHARE = 0.05;

/** Share of groups that are false, on average, at each look. */
export const DRIFT_FALSE_SHARE = 0.01;

/** Onsets this close may have one cause: an update reaches those who charge daily within a day, and who skips one within two. */
export const DRIFT_TOGETHER_MS: number = 48 * 3_600_000;

/** What a device said of drift counts for a week; a device that is silent for longer may have been laid aside. */
export const DRIFT_SILENT_MS: number = 7 * 24 * 3_600_000;

/** Groups of devices that a line's drift shows, and findings of one; the others are counted. */
export const DRIFT_GROUPS_MAX = 8;

/** Devices of a group that are named; the others are counted. */
export const DRIFT_GROUP_DEVICES_SHOWN_MAX = 12;

/** Devices that drift alone and are shown: with 8 findings of about 400 characters each, 64 KB. */
export const DRIFT_ALONE_SHOWN_MAX = 20;

/** Answers to what drifts that are kept, by line and cohort: 64 KB each, 4 MB. */
export const DRIFT_VIEWS_MAX = 64;

/** Fleets up to this have their drift put together at every change: 5 ms. */
export const DRIFT_FRESH_DEVICES_MAX = 500;

/** How old an answer of a larger fleet may be: 10,000 devices take 100 ms to put together, 1 % of it. */
export const DRIFT_VIEW_AGE_MS = 10_000;

/** Earlier reports of drift that are kept of a device; one is kept when it says something else than the one before. */
export const DRIFT_HISTORY_MAX = 32;
