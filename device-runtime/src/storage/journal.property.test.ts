// The one promise of the journal, under power cuts, kills and full disks at every operation, and mistakes planted to see it fail.
import fc from "fast-check";
import { expect, it } from "vitest";
import { createFaultyDisk, PowerCut } from "../adapters/faultyDisk.ts";
import { createSeededRandom } from "../adapters/seededRandom.ts";
import { type OpenedJournal, openJournal } from "./journal.ts";

/** Small pages, small records and early compaction, so that short runs meet every case. */
const options = { recordBytesMax: 64, journalBytesMax: 4096, compactAtBytes: 100 };
const pageBytes = 16;

type Step = "append" | "append long" | "commit" | "compact" | "settle";

/** What one process does until it ends, and how it ends. */
interface Life {
  readonly steps: readonly Step[];
  readonly crashAtOperation: number;
  readonly isKilled: boolean;
}

const lives: fc.Arbitrary<readonly Life[]> = fc.array(
  fc.record({
    steps: fc.array(
      fc.constantFrom<Step>(
        "append",
        "append",
        "append long",
        "commit",
        "commit",
        "compact",
        "settle",
      ),
      { maxLength: 20 },
    ),
    // Often early: opening has operations of its own.
    crashAtOperation: fc.oneof(fc.nat(4), fc.nat(24)),
    isKilled: fc.boolean(),
  }),
  { minLength: 1, maxLength: 6 },
);

/** Record `index`: its number, and filling that depends on it. */
function recordOf(index: number, isLong: boolean): Uint8Array {
  const record = new Uint8Array(isLong ? 40 : 4).fill(index);
  new DataView(record.buffer).setUint32(0, index);
  return record;
}

const numberIn = (bytes: Uint8Array): number =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0);

/** How many records are stored; throws when they are not 0, 1, 2, ... without a gap. A snapshot is the count it stands for. */
function countRecovered({ snapshot, records }: OpenedJournal): number {
  const first = snapshot === null ? 0 : numberIn(snapshot);
  records.forEach((record, index) => {
    expect(numberIn(record)).toBe(first + index);
    expect(record).toEqual(recordOf(first + index, record.length > 4));
  });
  return first + records.length;
}

/** Lives one life after the other on one disk and checks what each finds. */
async function survives(
  run: readonly Life[],
  seed: number,
  isSyncSkipped?: (name: string) => boolean,
): Promise<void> {
  const random = createSeededRandom(seed);
  const disk = createFaultyDisk({ random, pageBytes, ...(isSyncSkipped && { isSyncSkipped }) });
  let promised = 0;
  let appended = 0;
  for (const life of run) {
    const storage = disk.reopen({ crashAtOperation: life.crashAtOperation });
    try {
      const opened = await openJournal(storage, "j", options);
      const recovered = countRecovered(opened);
      expect(recovered).toBeGreaterThanOrEqual(promised);
      expect(recovered).toBeLessThanOrEqual(appended);
      // Whoever reads a record may act on it: it is promised from here on.
      promised = recovered;
      appended = recovered;
      const { journal } = opened;
      const works: Promise<void>[] = [];
      const failures: unknown[] = [];
      const promise = (work: Promise<void>): void => {
        const count = appended;
        const keep = async (): Promise<void> => {
          await work;
          promised = Math.max(promised, count);
        };
        works.push(keep().catch((error: unknown) => void failures.push(error)));
      };
      for (const step of life.steps) {
        if (step === "commit") promise(journal.commit());
        else if (step === "compact") promise(journal.compact(recordOf(appended, false)));
        else if (step === "settle") await Promise.all(works);
        else {
          journal.append(recordOf(appended, step === "append long"));
          appended++;
        }
      }
      await Promise.all(works);
      if (failures.length > 0) throw failures[0];
    } catch (error) {
      if (
        !(error instanceof PowerCut) &&
        (error as { code?: string }).code !== "store.journal_failed"
      ) {
        throw error;
      }
    }
    if (!life.isKilled) disk.crash();
  }
  const last = countRecovered(await openJournal(disk.reopen(), "j", options));
  expect(last).toBeGreaterThanOrEqual(promised);
  expect(last).toBeLessThanOrEqual(appended);
}

it("[ST20] after cuts and kills at any operation a journal holds a beginning of what was appended, with all that was promised", async () => {
  const law = fc.asyncProperty(lives, fc.nat(), (run, seed) => survives(run, seed));
  await expect(fc.assert(law, { numRuns: 2000 })).resolves.toBeUndefined();
});

const plantedMistakes: readonly [string, (name: string) => boolean][] = [
  ["a commit that does not sync its records", (name) => name.endsWith(".journal")],
  [
    "a compaction that renames before the snapshot is synced",
    (name) => name.endsWith(".snapshot.new"),
  ],
  ["a compaction that does not sync the new name", (name) => name.endsWith(".snapshot")],
  [
    "a cut tail whose whole part is renamed before it is synced",
    (name) => name.endsWith(".journal.new"),
  ],
];

it.each(plantedMistakes)("[ST21] the promise catches %s", async (_, isSyncSkipped) => {
  const found = await fc.check(
    fc.asyncProperty(lives, fc.nat(), (run, seed) => survives(run, seed, isSyncSkipped)),
    { numRuns: 20_000, endOnFailure: true },
  );
  expect(found.failed).toBe(true);
});
