// The six activities, in the one order that labels, logits and files share. It must not know any signal.

/**
 * What a person can be doing.
 *
 * The place in this list is the label, `0` to `5`: the order of classes 1 to 6 of the HAPT data set, so that generated people and
 * real people train and score the same models.
 */
export const activities = [
  "walking",
  "upstairs",
  "downstairs",
  "sitting",
  "standing",
  "lying",
] as const;

/** One of {@link activities}. */
export type Activity = (typeof activities)[number];

/** How many {@link activities} there are. */
export const ACTIVITY_COUNT: number = activities.length;

/**
 * The label of an activity, in `[0, 6)`.
 *
 * @example
 * labelOf("sitting"); // => 3
 */
export function labelOf(activity: Activity): number {
  return activities.indexOf(activity);
}
