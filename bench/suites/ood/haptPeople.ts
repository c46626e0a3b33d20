// HAPT's people as suites want them: their windows in time order, activities and transitions alike. It must not know any score.
import { loadHarHapt } from "@attune/simulators";

export const channelCount = 6;
export const windowSamples = 128;
export const windowSize: number = channelCount * windowSamples;
export const activities: readonly string[] = [
  "WALKING",
  "WALKING_UPSTAIRS",
  "WALKING_DOWNSTAIRS",
  "SITTING",
  "STANDING",
  "LAYING",
];

/** One person. */
export interface HaptPerson {
  readonly subject: number;
  /** `(n, 6, 128)`, g and rad/s, in time order. */
  readonly windows: Float32Array;
  /** Activity 0 to 5, or -1 for a change of posture, which no model knows, `(n,)`. */
  readonly labels: Int32Array;
}

/** All thirty people, and the nine that the data set's authors test on. */
export interface Hapt {
  readonly people: readonly HaptPerson[];
  readonly testSubjects: readonly number[];
}

/** Reads the data set. */
export async function readHaptPeople(dataFolder: string): Promise<Hapt> {
  const { people, officialTestSubjects } = await loadHarHapt(dataFolder);
  return {
    people: people.map(({ subject, windows }): HaptPerson => {
      const all = new Float32Array(windows.length * windowSize);
      windows.forEach(({ samples }, place) => {
        all.set(samples, place * windowSize);
      });
      return {
        subject,
        windows: all,
        labels: Int32Array.from(windows, ({ label }) => label ?? -1),
      };
    }),
    testSubjects: officialTestSubjects,
  };
}
