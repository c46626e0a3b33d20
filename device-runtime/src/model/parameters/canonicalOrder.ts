// The order of names that everybody agrees on: by their UTF-8 bytes, not by UTF-16 units or a locale.

/** Sorts names by their UTF-8 bytes; gives a new array. */
export function inCanonicalOrder<T>(items: readonly T[], nameOf: (item: T) => string): T[] {
  const encoder = new TextEncoder();
  const keyed = items.map((item) => ({ key: encoder.encode(nameOf(item)), item }));
  keyed.sort((a, b) => {
    const length = Math.min(a.key.length, b.key.length);
    for (let index = 0; index < length; index += 1) {
      const difference = (a.key[index] ?? 0) - (b.key[index] ?? 0);
      if (difference !== 0) return difference;
    }
    return a.key.length - b.key.length;
  });
  return keyed.map(({ item }) => item);
}
