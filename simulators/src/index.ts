// Door: virtual people, and the model that is trained on them. Only re-exports.
export {
  type ActivityModel,
  type ActivityModelOptions,
  trainActivityModel,
} from "./activityModel/trainActivityModel.ts";
export {
  type HaptPerson,
  type HaptWindow,
  type HarHapt,
  loadHarHapt,
} from "./data/loadHarHapt.ts";
export { type Activity, activities, labelOf } from "./people/activity.ts";
export type { ChangeKind, Condition, PersonChange } from "./people/change.ts";
export type { LabelledWindow } from "./people/inertialWindow.ts";
export { createPerson, type Person, type PersonOptions } from "./people/person.ts";
export { createPopulation, type PopulationOptions } from "./people/population.ts";
export type { WearingPosition } from "./people/wearing.ts";
