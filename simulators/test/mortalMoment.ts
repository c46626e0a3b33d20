// The moments at which a device's process may be killed: each is an act of the device on one of its ports. The parts that act are real;
// this only ends the process before, during or after one of their acts.
import type {
  DeviceOptions,
  Link,
  LinkConnection,
  Storage,
  TrainerPort,
} from "@attune/device-runtime/node";

/** What a device may be at. */
export type Occasion =
  /** Anything on disk; the first ones are those of the start. */
  | "starts"
  | "writes the device's journal"
  | "syncs the device's journal"
  | "writes a user's journal"
  | "trains"
  | "keeps personal parameters"
  | "puts a delta into the outbox"
  | "sends a delta"
  | "fetches a version"
  /** The first acts on disk after a version was activated: it bakes. */
  | "bakes";

/** When to be killed. */
export interface Moment {
  /** Not before so many deltas of this life are in the outbox. */
  readonly afterDeltas: number;
  readonly occasion: Occasion;
  /** The so-manieth time that it comes then, from 1. */
  readonly time: number;
  readonly when: "before" | "during" | "after";
}

type Ports = Required<Pick<DeviceOptions, "storage" | "link" | "trainer">>;

/** Every act that has an occasion goes through `at`. */
export interface Watch {
  at<T>(occasions: readonly Occasion[], act: () => Promise<T>): Promise<T>;
  /** A version was activated. */
  activated(): void;
  /** A delta is in the outbox. */
  contributed(): void;
}

/** Creates the watch of a process. SIGKILL leaves it no instruction more. */
function createWatch(moment: Moment | null): Watch {
  let timesLeft = moment?.time ?? 0;
  let deltasLeft = moment?.afterDeltas ?? 0;
  let isBaking = false;
  const die = (): void => {
    process.kill(process.pid, "SIGKILL");
  };
  return {
    activated() {
      isBaking = true;
    },
    contributed() {
      deltasLeft -= 1;
    },
    async at(occasions, act) {
      const now = isBaking ? [...occasions, "bakes" as const] : occasions;
      if (moment === null || deltasLeft > 0 || !now.includes(moment.occasion)) return act();
      timesLeft -= 1;
      if (timesLeft !== 0) return act();
      if (moment.when === "before") die();
      const acting = act();
      if (moment.when === "during") setImmediate(die);
      const result = await acting;
      die();
      return result;
    },
  };
}

/** Puts the watch between a device and its ports. */
export function mortalPorts(
  moment: Moment | null,
  { storage, link, trainer }: Ports,
): Ports & Pick<Watch, "activated" | "contributed"> {
  const watch = createWatch(moment);
  const { at } = watch;

  const occasionsOf = (act: keyof Storage, name: string): Occasion[] => {
    const is = (pattern: RegExp): boolean => pattern.test(name);
    const occasions: Occasion[] = ["starts"];
    if (is(/^device\./)) {
      occasions.push(act === "sync" ? "syncs the device's journal" : "writes the device's journal");
    }
    if (is(/^user-[0-9a-f]{32}\./)) occasions.push("writes a user's journal");
    if (is(/^user-[0-9a-f]{32}-p-/)) occasions.push("keeps personal parameters");
    if (is(/^out-/)) occasions.push("puts a delta into the outbox");
    if (is(/^(?:part|blob)-/)) occasions.push("fetches a version");
    return occasions;
  };
  const mortalStorage: Storage = {
    read: (name) => storage.read(name),
    list: () => storage.list(),
    write: (name, bytes) => at(occasionsOf("write", name), () => storage.write(name, bytes)),
    append: (name, bytes) => at(occasionsOf("append", name), () => storage.append(name, bytes)),
    sync: (name) => at(occasionsOf("sync", name), () => storage.sync(name)),
    rename: (from, to) => at(occasionsOf("rename", to), () => storage.rename(from, to)),
    remove: (name) => at(occasionsOf("remove", name), () => storage.remove(name)),
  };
  const mortalLink: Link = {
    async connect(options, handlers) {
      const connection = await link.connect(options, handlers);
      return {
        ...connection,
        publish: (topic, payload) =>
          at(topic.endsWith("/up/contribution") ? ["sends a delta"] : [], () =>
            connection.publish(topic, payload),
          ),
      } satisfies LinkConnection;
    },
  };
  const mortalTrainer: TrainerPort = {
    async begin(task) {
      const job = await trainer.begin(task);
      return { ...job, runSlice: (slice) => at(["trains"], () => job.runSlice(slice)) };
    },
    close: () => trainer.close(),
  };
  return {
    storage: mortalStorage,
    link: mortalLink,
    trainer: mortalTrainer,
    activated: watch.activated,
    contributed: watch.contributed,
  };
}
