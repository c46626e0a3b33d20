// What must hold at the end of every story, whatever has happened. Pure: it looks at facts, and must not gather them.

/** What the hub and the devices say at the end. */
export interface EndFacts {
  /** Digests of contributions in the hub's database, one for each row. */
  readonly storedContributions: readonly string[];
  readonly devices: readonly {
    readonly id: string;
    readonly isConnected: boolean;
    readonly active: string;
    /** What the hub's newest decision asks it to serve. */
    readonly target: string | null;
    /** Contributions that the hub has receipted as committed. */
    readonly receipted: readonly string[];
  }[];
  /** Versions that release keys have signed. */
  readonly released: ReadonlySet<string>;
  readonly audit: { readonly ok: boolean; readonly length: number };
}

/** One promise, and what breaks it; empty when it holds. */
export interface PromiseCheck {
  readonly promise: string;
  readonly broken: readonly string[];
}

const short = (digest: string): string => digest.slice(0, 8);

/** Looks at every promise. */
export function checkPromises(facts: EndFacts): readonly PromiseCheck[] {
  const stored = new Map<string, number>();
  for (const digest of facts.storedContributions) {
    stored.set(digest, (stored.get(digest) ?? 0) + 1);
  }
  const receipted = facts.devices.flatMap(({ id, receipted: digests }) =>
    digests.map((digest) => ({ id, digest })),
  );
  return [
    {
      promise: `${new Set(receipted.map(({ digest }) => digest)).size} receipted deltas are in the database exactly once`,
      broken: receipted
        .filter(({ digest }) => stored.get(digest) !== 1)
        .map(
          ({ id, digest }) => `${short(digest)} of ${id} is there ${stored.get(digest) ?? 0} times`,
        ),
    },
    {
      promise: `${facts.devices.length} devices serve a version that release keys have signed`,
      broken: facts.devices
        .filter(({ active }) => !facts.released.has(active))
        .map(({ id, active }) => `${id} serves ${short(active)}`),
    },
    {
      promise: "every connected device serves what its newest decision asks for",
      broken: facts.devices
        .filter(({ isConnected, active, target }) => isConnected && active !== target)
        .map(
          ({ id, active, target }) =>
            `${id} serves ${short(active)}, not ${short(target ?? "none")}`,
        ),
    },
    {
      promise: `the audit's chain of ${facts.audit.length} rows is whole`,
      broken: facts.audit.ok ? [] : ["a row does not follow from the one before it"],
    },
  ];
}
