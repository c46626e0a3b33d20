// The grammar of SPEC.md PR6 as the plainest reader of it, and as a generator of bytes, to compare what ships with. Slow, recursive,
// and it shares nothing with the sources.
import fc from "fast-check";

const typedArrayByTag: Readonly<Record<number, new (buffer: ArrayBuffer) => ArrayBufferView>> = {
  69: Uint16Array,
  70: Uint32Array,
  71: BigUint64Array,
  72: Int8Array,
  77: Int16Array,
  78: Int32Array,
  79: BigInt64Array,
  85: Float32Array,
  86: Float64Array,
};

/** What an item means, and what follows it. */
type Read = readonly [value: unknown, rest: Uint8Array];

/** The value of bytes that the grammar has, in a box; nothing for all others. */
export function readByGrammar(bytes: Uint8Array): { readonly value: unknown } | undefined {
  try {
    const [value, rest] = readItem(bytes, 32);
    return rest.length === 0 ? { value } : undefined;
  } catch {
    return undefined;
  }
}

function refuseUnless(isFine: boolean): void {
  if (!isFine) throw new Error("not in the grammar");
}

function split(bytes: Uint8Array, count: number): readonly [Uint8Array, Uint8Array] {
  refuseUnless(count <= bytes.length);
  return [bytes.slice(0, count), bytes.slice(count)];
}

function readNumber(bytes: Uint8Array): bigint {
  return bytes.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
}

/** Major type, argument, bytes of the argument. */
function readHead(bytes: Uint8Array): readonly [number, bigint, number, Uint8Array] {
  const [[first = 0], rest] = split(bytes, 1);
  const info = first % 32;
  refuseUnless(info <= 27);
  if (info < 24) return [first >> 5, BigInt(info), 0, rest];
  const [argument, behind] = split(rest, 2 ** (info - 24));
  return [first >> 5, readNumber(argument), argument.length, behind];
}

function readText(bytes: Uint8Array): string {
  const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  refuseUnless(text[0] !== "\ufeff");
  return text;
}

function readFloat(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer);
  if (bytes.length === 8) return view.getFloat64(0);
  if (bytes.length === 4) return view.getFloat32(0);
  // RFC 8949, appendix D.
  const half = view.getUint16(0);
  const sign = half >= 0x8000 ? -1 : 1;
  const exponent = Math.floor(half / 1024) % 32;
  const fraction = half % 1024;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent < 31) return sign * (1024 + fraction) * 2 ** (exponent - 25);
  return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
}

function readSimple(bytes: Uint8Array): Read {
  const [[first = 0], rest] = split(bytes, 1);
  const simple = new Map<number, unknown>([
    [0xf4, false],
    [0xf5, true],
    [0xf6, null],
    [0xf7, undefined],
  ]);
  if (simple.has(first)) return [simple.get(first), rest];
  refuseUnless(first >= 0xf9 && first <= 0xfb);
  const [float, behind] = split(rest, 2 ** (first - 0xf8));
  return [readFloat(float), behind];
}

function readItem(bytes: Uint8Array, levels: number): Read {
  refuseUnless(bytes.length > 0);
  if ((bytes[0] ?? 0) >= 0xe0) return readSimple(bytes);
  const [major, argument, argumentBytes, rest] = readHead(bytes);
  if (major === 0) {
    refuseUnless(argument <= Number.MAX_SAFE_INTEGER);
    return [Number(argument), rest];
  }
  refuseUnless(argumentBytes < 8 || major === 6);
  if (major === 1) return [-1 - Number(argument), rest];
  if (major === 6) {
    const TypedArray = typedArrayByTag[Number(argument)];
    const [content, behind] = readItem(rest, 0);
    refuseUnless(TypedArray !== undefined && content instanceof Uint8Array);
    return [
      new (TypedArray as typeof Int8Array)((content as Uint8Array<ArrayBuffer>).buffer),
      behind,
    ];
  }
  const count = Number(argument);
  if (major === 2) return split(rest, count);
  if (major === 3) {
    const [utf8, behind] = split(rest, count);
    return [readText(utf8), behind];
  }
  refuseUnless(levels > 0);
  let left = rest;
  if (major === 4) {
    const items: unknown[] = [];
    for (let index = 0; index < count; index += 1) {
      const [item, behind] = readItem(left, levels - 1);
      items.push(item);
      left = behind;
    }
    return [items, left];
  }
  const entries = new Map<string, unknown>();
  for (let index = 0; index < count; index += 1) {
    const [key, valueBytes] = readItem(left, 0);
    refuseUnless(typeof key === "string" && key !== "__proto__" && !entries.has(key));
    const [value, behind] = readItem(valueBytes, levels - 1);
    entries.set(key as string, value);
    left = behind;
  }
  return [Object.fromEntries(entries), left];
}

const bytesOf = (...parts: readonly (Uint8Array | number)[]): Uint8Array =>
  Uint8Array.from(parts.flatMap((part) => (typeof part === "number" ? [part] : [...part])));

/** A head in any of the widths that can hold its argument. */
function head(major: number, argument: number | bigint, width: number): Uint8Array {
  const value = BigInt(argument);
  if (value < 24n && width === 0) return Uint8Array.of((major << 5) | Number(value));
  const least = value < 2n ** 8n ? 1 : value < 2n ** 16n ? 2 : value < 2n ** 32n ? 3 : 4;
  const size = Math.max(least, width);
  const argumentBytes = Array.from({ length: 2 ** (size - 1) }, (_, at) =>
    Number((value >> BigInt(8 * (2 ** (size - 1) - 1 - at))) & 0xffn),
  );
  return Uint8Array.of((major << 5) | (23 + size), ...argumentBytes);
}

const width = fc.nat({ max: 3 });
const utf8 = fc
  .oneof(
    fc.string({ unit: "binary", maxLength: 20 }),
    fc.string({ unit: "grapheme", minLength: 60, maxLength: 200 }),
    fc.constantFrom("\ufeffa", "__proto__", "constructor", "toString", "\u0000"),
  )
  .map((text) => new TextEncoder().encode(text));
const text = fc
  .tuple(utf8, width)
  .map(([bytes, size]) => bytesOf(head(3, bytes.length, size), bytes));
const key = fc.oneof(
  text,
  fc.constantFrom("a", "b", "c").map((name) => bytesOf(0x61, name.charCodeAt(0))),
);
const byteString = fc
  .tuple(fc.uint8Array({ maxLength: 300 }), width)
  .map(([bytes, size]) => bytesOf(head(2, bytes.length, size), bytes));
const leaf = fc.oneof(
  fc
    .tuple(fc.bigInt({ min: 0n, max: 2n ** 53n }), fc.nat({ max: 4 }))
    .map(([number, size]) => head(0, number, size)),
  fc.tuple(fc.nat(), fc.nat({ max: 4 })).map(([number, size]) => head(0, number, size)),
  fc
    .tuple(fc.bigInt({ min: 0n, max: 2n ** 32n }), width)
    .map(([number, size]) => head(1, number, size)),
  text,
  byteString,
  fc.constantFrom(0xf4, 0xf5, 0xf6, 0xf7).map((byte) => Uint8Array.of(byte)),
  fc
    .constantFrom(2, 4, 8)
    .chain((size) => fc.uint8Array({ minLength: size, maxLength: size }))
    .map((bytes) => bytesOf(0xf8 + Math.log2(bytes.length), bytes)),
  fc
    .tuple(fc.constantFrom(64, 69, 70, 71, 72, 77, 78, 79, 85, 86), fc.nat({ max: 5 }), byteString)
    .map(([tag, count, other]) =>
      bytesOf(
        0xd8,
        tag,
        count === 5 ? other : bytesOf(head(2, 8 * count, 0), new Uint8Array(8 * count).fill(tag)),
      ),
    ),
);

/** Bytes of one item, nearly always in the grammar, in every form that a head may have. */
export const grammarBytes: fc.Arbitrary<Uint8Array> = fc.letrec<{ item: Uint8Array }>((tie) => ({
  item: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    leaf,
    fc
      .tuple(fc.array(tie("item"), { maxLength: 6 }), width)
      .map(([items, size]) => bytesOf(head(4, items.length, size), ...items)),
    fc
      .tuple(fc.array(fc.tuple(key, tie("item")), { maxLength: 6 }), width)
      .map(([entries, size]) => bytesOf(head(5, entries.length, size), ...entries.flat())),
  ),
})).item;

/** The same with some bytes changed, cut away or added. */
export const nearGrammarBytes: fc.Arbitrary<Uint8Array> = fc
  .tuple(
    grammarBytes,
    fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 3 }),
    fc.nat({ max: 3 }),
  )
  .map(([bytes, changes, cut]) => {
    const changed = bytes.slice(0, Math.max(1, bytes.length - cut));
    for (const [at, byte] of changes) changed[at % changed.length] = byte;
    return changed;
  });
