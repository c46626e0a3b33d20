// Every bound of the protocol, each with the sum that gives it. Nothing here may be computed at run time from input.

/** Version of the wire protocol. It is byte 2 of every frame; a reader refuses what it does not speak. */
export const PROTOCOL_VERSION = 1;

/** Frame header: 2 magic + 1 protocol version + 1 kind + 4 payload length. */
export const FRAME_HEADER_BYTES = 8;

/** One signature in a frame: 8 key id + 64 Ed25519. */
export const FRAME_SIGNATURE_BYTES = 72;

/** Enough for a 3-of-5 release threshold with a rotation: at most 5 old and 3 new keys sign. Frames of devices and hubs have one. */
export const FRAME_SIGNATURES_MAX = 8;

/**
 * Largest MQTT payload: AWS IoT Core takes 128 KB with the topic and the headers; 96 KB keeps a quarter of that in reserve for
 * brokers with tighter settings.
 */
export const MQTT_PAYLOAD_BYTES_MAX: number = 96 * 1024;

/** A frame always fits one MQTT message. */
export const FRAME_BYTES_MAX: number = MQTT_PAYLOAD_BYTES_MAX;

/** Containers within containers in one CBOR value: the deepest message has 5, what devices keep on disk a few more. */
export const CBOR_DEPTH_MAX = 32;

/**
 * Values and keys in one message: the largest is a release record with blocks, {@link FRAME_BYTES_MAX} / 66 bytes a digest = 1,490,
 * and about 60 more; rounded up to leave room for fields that a later version adds. More would only cost time.
 */
export const MESSAGE_ITEMS_MAX = 4096;

/**
 * What a contribution's frame may add to its delta: header 8 + count 1 + signature 72 + CBOR fields, 433 with every id, number and
 * counter at its longest; 514 in all, rounded up. With short ids and ordinary numbers it is about 350.
 */
export const CONTRIBUTION_ENVELOPE_BYTES_MAX = 600;

/** Largest encoded delta: one frame less its envelope. */
export const DELTA_BYTES_MAX: number = FRAME_BYTES_MAX - CONTRIBUTION_ENVELOPE_BYTES_MAX;

/** Largest parameter set: 16 M float32 (64 MB), what fits a gateway's memory twice over. */
export const PARAMETER_COUNT_MAX: number = 16 * 1024 * 1024;

/** Largest number of tensors in a parameter set; a 24-layer transformer has about 400. */
export const TENSOR_COUNT_MAX = 4096;

/** Largest rank that any ONNX convolution or attention needs, with one to spare. */
export const TENSOR_RANK_MAX = 8;

/** Bytes of a parameter's UTF-8 name. */
export const TENSOR_NAME_BYTES_MAX = 512;

/** Largest blob: a parameter set of {@link PARAMETER_COUNT_MAX} with its header, 2 + 512 + 1 + 8 x 4 = 547 a tensor, rounded up to 576. */
export const BLOB_BYTES_MAX: number =
  PARAMETER_COUNT_MAX * 4 + TENSOR_COUNT_MAX * (TENSOR_NAME_BYTES_MAX + 64);

/** A blob larger than one MQTT payload is fetched in blocks of this size, each checked against its own digest. */
export const BLOB_BLOCK_BYTES: number = 64 * 1024;

/**
 * Blocks of the largest blob: 1,060. A digest takes 66 bytes, so a release record has room for 1,400 in all its parts together: the
 * largest parameter set and 22 MB of everything else.
 */
export const BLOB_BLOCK_COUNT_MAX: number = Math.ceil(BLOB_BYTES_MAX / BLOB_BLOCK_BYTES);

/** A device may claim at most so many examples for one contribution, or one device would decide a window. */
export const CONTRIBUTION_EXAMPLES_MAX = 512;

/** A delta may be at most so many generations behind the champion. */
export const STALENESS_MAX = 3;

/** Euclidean norm above which a delta is clipped before it enters an aggregate. */
export const CLIP_NORM_DEFAULT = 5;

/** Euclidean norm above which a delta is refused: an honest device has clipped to {@link CLIP_NORM_DEFAULT}; 4 times that is no rounding error. */
export const REFUSE_NORM_DEFAULT = 20;

/** Discordant pairs that one device may bring to a paired comparison, so that no single device decides it. */
export const PAIRED_DISCORDANT_MAX = 32;

/** Comparisons in one report: a shadow, a canary and what they superseded. */
export const REPORT_PAIRED_MAX = 8;

/** Findings that a drift report names: more than a person reads; the others are counted. */
export const DRIFT_FINDINGS_MAX = 8;

/** Characters of a finding's name: what a model package allows for a channel. */
export const DRIFT_NAME_LENGTH_MAX = 64;

/** Onsets are told in whole hours: enough to see who drifts together, too coarse for what somebody did when. */
export const DRIFT_ONSET_STEP_MS = 3_600_000;

/**
 * What a drift report adds to a report's frame, whatever is found on however many users: a finding has 365 bytes with a name at its
 * longest (64 characters of 3 bytes) and every number at its longest, 8 of them 2,920; all else 561; 3,481 in all, rounded up.
 */
export const DRIFT_REPORT_BYTES_MAX = 4096;

/**
 * Messages that one hub receipt answers. An entry has 1,658 bytes with a refusal's text at its longest (500 characters of 3 bytes),
 * a frame has room for 98,197: 59 fit, rounded down.
 */
export const RECEIPT_ENTRIES_MAX = 56;

/** Characters of an id: a DNS label, so that it is safe in topics, file names and URLs. */
export const ID_LENGTH_MAX = 63;

/** Characters of a refusal code. */
export const CODE_LENGTH_MAX = 48;

/** Characters of a text for people: a reason, a note, a refusal's message. Longer ones are cut, see `plainText`. */
export const REASON_LENGTH_MAX = 500;

/** Keys in a trust root. */
export const TRUST_ROOT_KEYS_MAX = 16;

/** Longest bake: a week. Well under 2^31 - 1, above which timers of JavaScript fire at once. */
export const BAKE_MS_MAX: number = 7 * 24 * 60 * 60 * 1000;

/** A clock may differ by so much before "issued in the future" is reported: five minutes, Kerberos' own choice. */
export const CLOCK_SKEW_MS_MAX: number = 5 * 60 * 1000;
