// Finds what a unit of each kind of work costs from the times of many jobs: least squares of the relative error, no cost below 0.

/** A job that was timed. */
export interface TimedJob {
  /** Units of each kind of work, 0 or more. */
  readonly work: Readonly<Record<string, number>>;
  /** Above 0. */
  readonly ns: number;
}

/** Sweeps over all kinds, and rounds in which jobs that fit badly count less. */
const SWEEPS = 400;
const ROUNDS = 20;
/** A relative error that counts as noise. */
const NOISE = 0.05;

/**
 * Nanoseconds a unit, by kind of work.
 *
 * - Pure. Kinds of which no job has any cost 0.
 *
 * Solved one kind at a time; jobs are weighted by `1 / ns`, and again by the root of their error, so that single disturbed times do not bend
 * the result.
 *
 * @example
 * const jobs = [{ work: { node: 1, mac: 10 }, ns: 130 }, { work: { node: 2, mac: 5 }, ns: 215 }];
 * Math.round(fitCosts(["node", "mac"], jobs).node ?? 0); // => 100
 */
export function fitCosts(
  kinds: readonly string[],
  jobs: readonly TimedJob[],
): Readonly<Record<string, number>> {
  const costs: Record<string, number> = Object.fromEntries(kinds.map((kind) => [kind, 0]));
  const predicted = ({ work }: TimedJob): number =>
    kinds.reduce((sum, kind) => sum + (work[kind] ?? 0) * (costs[kind] ?? 0), 0);
  let weights = jobs.map(({ ns }) => 1 / ns ** 2);
  for (let round = 0; round < ROUNDS; round += 1) {
    const rest = jobs.map((job) => job.ns - predicted(job));
    for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
      for (const kind of kinds) {
        let along = 0;
        let square = 0;
        jobs.forEach(({ work }, index) => {
          const units = work[kind] ?? 0;
          along += (weights[index] ?? 0) * units * (rest[index] ?? 0);
          square += (weights[index] ?? 0) * units * units;
        });
        if (square === 0) continue;
        const before = costs[kind] ?? 0;
        const cost = Math.max(0, before + along / square);
        costs[kind] = cost;
        jobs.forEach(({ work }, index) => {
          rest[index] = (rest[index] ?? 0) - (cost - before) * (work[kind] ?? 0);
        });
      }
    }
    weights = jobs.map((job) => {
      const error = Math.abs(predicted(job) - job.ns) / job.ns;
      return 1 / job.ns ** 2 / Math.max(error, NOISE);
    });
  }
  return costs;
}
