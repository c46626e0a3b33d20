// Every bound of a model package, each with the sum that gives it. Nothing here may be computed from input.
import { BLOB_BYTES_MAX } from "@attune/protocol";

/** Classes that a package may name; one name of {@link PACKAGE_NAME_LENGTH_MAX} each makes 64 KB. */
export const PACKAGE_LABELS_MAX = 1024;

/** Characters of a label or of a channel's name. */
export const PACKAGE_NAME_LENGTH_MAX = 64;

/** Channels of one sample; feature vectors come as channels, the longest in common use have 561. */
export const PACKAGE_CHANNELS_MAX = 4096;

/** Numbers in one window: 64 channels of a minute at 100 Hz are 384,000. */
export const WINDOW_VALUES_MAX: number = 512 * 1024;

/** A small part (preprocessing, calibration, learning): a profile of 1,024 features takes 4 MB, doubled. */
export const SMALL_PART_BYTES_MAX: number = 8 * 1024 * 1024;

/** A package file: graph and parameters as large as any blob, three small parts, and 64 KB around them. */
export const PACKAGE_BYTES_MAX: number = 2 * BLOB_BYTES_MAX + 3 * SMALL_PART_BYTES_MAX + 64 * 1024;

/** Pairs of classes in a leave-one-class-out report: 32 classes against 31 others are 992. */
export const LEAVE_OUT_PAIRS_MAX = 1024;

/** Vectors that channels may make, and axes of one. */
export const PACKAGE_VECTORS_MAX = 64;

/** Characters of the name of what is watched together: the names of a vector's axes with signs between. */
export const SERIES_NAME_LENGTH_MAX: number = (PACKAGE_NAME_LENGTH_MAX + 1) * PACKAGE_VECTORS_MAX;

/** Open dimensions that a training plan may fix: axes of one input, of which ONNX models have a handful. */
export const PLAN_DIMS_MAX = 16;

/** Bins of a feature in the profile that a package ships: finer ones than a person's first hundreds of windows can fill. */
export const PROFILE_BINS_MAX = 10;
