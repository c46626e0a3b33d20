// The users of a device while it runs: their sessions, their parameters, the names they are known by. It must not decide anything
// about them.
import {
  type Digest,
  type DriftReport,
  Fault,
  type LaterHashing,
  type ParameterSet,
  toHex,
} from "@attune/protocol";
import { driftReportOf } from "../core/drift/driftReport.ts";
import type { CoreEvent } from "../core/events.ts";
import { USERS_MAX } from "../core/limits.ts";
import type { DeviceState } from "../core/state.ts";
import type { ModelPackage } from "../package/modelPackage.ts";
import type { ForkableRandom } from "../ports/random.ts";
import type { Storage } from "../ports/storage.ts";
import { type FileStore, fileNames } from "./files.ts";
import { readLayer } from "./layers.ts";
import { neededParameters, openUserSession, type UserSession } from "./userSession.ts";

/** One user while the device runs. */
export interface OpenUser {
  readonly session: UserSession;
  /** Parameters by digest: all that the user's state refers to. */
  readonly layers: Map<Digest, ParameterSet>;
}

/** The users of a device. */
export interface OpenUsers {
  readonly all: ReadonlyMap<string, OpenUser>;
  /** Names given in this run, by hash. */
  readonly names: ReadonlyMap<string, string>;
  /**
   * The hash that a name is stored under. Keyed and nested, so that nobody finds a name by trying names without this device's
   * secret.
   */
  keyOf(name: string): Promise<string>;
  /**
   * Opens a user's files. Inside the lane only.
   *
   * A journal that is damaged beyond a torn end is wiped, and the user begins anew: one damaged file must not keep the others from
   * their device.
   *
   * @returns the user; digests of parameters whose files are damaged; why a journal was lost, or empty
   * @throws Fault `device.users_full`
   */
  open(
    user: string,
    modelPackage: ModelPackage,
  ): Promise<{
    readonly one: OpenUser;
    readonly damaged: readonly Digest[];
    readonly lost: string;
  }>;
  /** Users who have files here. */
  stored(): readonly string[];
  /** What has drifted, over all users; null when there are none. */
  drift(): DriftReport | null;
  /** Answers that were counted since the state was told, and what has drifted. */
  counted(state: DeviceState): readonly CoreEvent[];
  /** Writes changed states down; durable with `commit`. */
  note(before: DeviceState["users"], after: DeviceState["users"]): void;
  commit(): Promise<void>;
  /** Lets go of parameters in memory that no state refers to. */
  forgetLayers(state: DeviceState): void;
  /** Overwrites and removes everything of a user. */
  wipe(user: string): Promise<void>;
}

/** Creates the place for users. */
export async function createOpenUsers(parts: {
  readonly storage: Storage;
  readonly files: FileStore;
  readonly hashing: LaterHashing;
  readonly random: ForkableRandom;
  /** Only this device knows it. */
  readonly secret: Uint8Array;
}): Promise<OpenUsers> {
  const { storage, files, hashing, random } = parts;
  const all = new Map<string, OpenUser>();
  const names = new Map<string, string>();
  const secret = await hashing.sha256(
    new Uint8Array([...new TextEncoder().encode("attune/v1/user-key\0"), ...parts.secret]),
  );

  /** By name, in the making or made: everybody who asks for one waits for the same, so that nobody overtakes. */
  const keys = new Map<string, Promise<string>>();

  async function makeKey(name: string): Promise<string> {
    const bytes = new TextEncoder().encode(name);
    const inner = await hashing.sha256(new Uint8Array([...secret, ...bytes]));
    const user = toHex(await hashing.sha256(new Uint8Array([...secret, ...inner]))).slice(0, 32);
    names.set(user, name);
    return user;
  }

  /** Which revisions of the users' findings the state was told. */
  let toldRevision = "";

  function driftOf(): DriftReport | null {
    if (all.size === 0) return null;
    return driftReportOf(
      [...all.values()].map(({ session }) => {
        const { drift, data, rules } = session.checks.report();
        return {
          drift,
          data,
          rules,
          outliers: session.monitors.report().outlierShare,
          outlierCount: session.answered.outliers,
        };
      }),
    );
  }

  async function wipe(user: string): Promise<void> {
    all.delete(user);
    await files.refresh();
    for (const name of files.names()) {
      if (name.startsWith(fileNames.userPrefix(user))) await files.wipe(name);
    }
  }

  return {
    all,
    names,
    keyOf(name) {
      const before = keys.get(name);
      if (before !== undefined) return before;
      const key = makeKey(name);
      keys.set(name, key);
      return key;
    },
    async open(user, modelPackage) {
      if (all.size >= USERS_MAX) {
        throw new Fault(`the device has ${all.size} users, limit ${USERS_MAX}`, {
          code: "device.users_full",
          hint: "erase a user with device.eraseUser(name)",
        });
      }
      const begin = (): Promise<UserSession> =>
        openUserSession({ storage, user, modelPackage, random: random.fork(`user ${user}`) });
      let lost = "";
      const session = await begin().catch(async (error: unknown) => {
        if (!(error instanceof Fault) || error.code !== "store.journal_corrupt") throw error;
        lost = error.message;
        await wipe(user);
        return begin();
      });
      const one: OpenUser = { session, layers: new Map() };
      const damaged: Digest[] = [];
      for (const digest of session.restored === null ? [] : neededParameters(session.restored)) {
        const parameters = await readLayer(files, user, digest, hashing);
        if (parameters === null) damaged.push(digest);
        else one.layers.set(digest, parameters);
      }
      all.set(user, one);
      return { one, damaged, lost };
    },
    stored() {
      const users = new Set<string>();
      for (const name of files.names()) {
        const user = /^user-([0-9a-f]{32})(?:[.-]|$)/.exec(name)?.[1];
        if (user !== undefined) users.add(user);
      }
      return [...users].sort();
    },
    drift: driftOf,
    counted(state) {
      const revision = [...all]
        .map(([user, { session }]) => `${user} ${session.checks.revision}`)
        .join();
      const drift = revision === toldRevision ? null : (driftOf() ?? driftReportOf([]));
      toldRevision = revision;
      const answered = [...all].flatMap(([user, { session }]): CoreEvent[] => {
        const counts = state.users[user]?.counts;
        const { predictions, outliers } = session.answered;
        return counts === undefined ||
          (counts.predictions === predictions && counts.outliers === outliers)
          ? []
          : [{ type: "answersCounted", user, counts: { predictions, outliers } }];
      });
      return drift === null ? answered : [...answered, { type: "driftSeen", drift }];
    },
    note(before, after) {
      for (const [user, state] of Object.entries(after)) {
        const session = all.get(user)?.session;
        if (state === before[user] || session === undefined) continue;
        // Whatever waited for a training to end is there for the next one.
        if (state.job === null) session.releaseWaiting();
        session.note(state);
      }
    },
    async commit() {
      for (const { session } of all.values()) await session.commit();
    },
    forgetLayers(state) {
      for (const [user, { layers }] of all) {
        const one = state.users[user];
        const needed = one === undefined ? new Set<Digest>() : neededParameters(one);
        for (const digest of layers.keys()) if (!needed.has(digest)) layers.delete(digest);
      }
    },
    wipe,
  };
}
