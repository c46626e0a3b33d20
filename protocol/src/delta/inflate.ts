// Inflate (RFC 1951) into a buffer of known size. It stops at the first byte too many, so that a compression bomb costs no more
// than an honest stream; the library that compresses would run a bomb to its end (docs/adr/0001).
// It must not know what the bytes mean.

/** Codes up to this length are looked up at once; longer ones, rare by construction, are walked bit by bit. */
const FAST_BITS = 10;
const CODE_BITS_MAX = 15;
const END_OF_BLOCK = 256;

const lengthBase: Uint16Array = new Uint16Array([
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131,
  163, 195, 227, 258,
]);
const lengthExtraBits: Uint8Array = new Uint8Array([
  0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
]);
const distanceBase: Uint16Array = new Uint16Array([
  1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049,
  3073, 4097, 6145, 8193, 12289, 16385, 24577,
]);
const distanceExtraBits: Uint8Array = new Uint8Array([
  0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13,
]);
const codeLengthOrder: Uint8Array = new Uint8Array([
  16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
]);

/** A canonical Huffman code, made ready for reading. Made once a stream, not once a block: empty blocks must not cost tables. */
interface HuffmanCode {
  /** By the next FAST_BITS bits: symbol * 16 + length, or 0 for a longer code or none. */
  readonly fast: Uint16Array;
  /** Number of codes of each length. */
  readonly counts: Uint16Array;
  /** Symbols in order of their codes. */
  readonly symbols: Uint16Array;
  /** Where the next symbol of each length goes, and its code; used while the code is made. */
  readonly offsets: Uint16Array;
  readonly nextCodes: Uint16Array;
}

/** The two codes of a block. */
interface CodePair {
  readonly literals: HuffmanCode;
  readonly distances: HuffmanCode;
}

const emptyCode = (): HuffmanCode => ({
  fast: new Uint16Array(1 << FAST_BITS),
  counts: new Uint16Array(CODE_BITS_MAX + 1),
  symbols: new Uint16Array(288),
  offsets: new Uint16Array(CODE_BITS_MAX + 2),
  nextCodes: new Uint16Array(CODE_BITS_MAX + 1),
});

/** Why a stream does not fit. */
export interface InflateProblem {
  /** The stream may be whole, but it is not as long as the buffer. */
  readonly isSize: boolean;
  /** For a person, to follow the name of the thing. */
  readonly what: string;
}

const truncated: InflateProblem = { isSize: false, what: "ends inside its compressed data" };
const damaged: InflateProblem = { isSize: false, what: "has damaged compressed data" };

/**
 * Makes a code of the lengths of its symbols. False when they are no prefix code: over-subscribed, or incomplete. One code of one
 * bit alone, or none, passes where `mayLack` says so: a stream with a single distance or without any has it.
 */
const setCode = (code: HuffmanCode, lengths: Uint8Array, mayLack: boolean): boolean => {
  const { fast, counts, symbols, offsets, nextCodes } = code;
  counts.fill(0);
  for (const length of lengths) counts[length] = (counts[length] ?? 0) + 1;
  const codeCount = lengths.length - (counts[0] ?? 0);
  counts[0] = 0;
  offsets[1] = 0;
  let left = 1;
  for (let length = 1; length <= CODE_BITS_MAX; length += 1) {
    const count = counts[length] ?? 0;
    left = left * 2 - count;
    if (left < 0) return false;
    offsets[length + 1] = (offsets[length] ?? 0) + count;
    nextCodes[length] = ((nextCodes[length - 1] ?? 0) + (counts[length - 1] ?? 0)) << 1;
  }
  const isLacking = mayLack && codeCount <= 1 && codeCount === counts[1];
  if (left > 0 && !isLacking) return false;
  fast.fill(0);
  for (let symbol = 0; symbol < lengths.length; symbol += 1) {
    const length = lengths[symbol] ?? 0;
    if (length === 0) continue;
    symbols[offsets[length] ?? 0] = symbol;
    offsets[length] = (offsets[length] ?? 0) + 1;
    let rest = nextCodes[length] ?? 0;
    nextCodes[length] = rest + 1;
    if (length > FAST_BITS) continue;
    let reversed = 0;
    for (let bit = 0; bit < length; bit += 1) {
      reversed = (reversed << 1) | (rest & 1);
      rest >>= 1;
    }
    for (let index = reversed; index < fast.length; index += 1 << length) {
      fast[index] = symbol * 16 + length;
    }
  }
  return true;
};

/** RFC 1951, section 3.2.6. */
const fixedLiteralLengths: Uint8Array = new Uint8Array(288)
  .fill(8)
  .fill(9, 144, 256)
  .fill(7, 256, 280);
const fixedDistanceLengths: Uint8Array = new Uint8Array(32).fill(5);

/**
 * Inflates a whole deflate stream into `out`, which it must fill exactly, its last byte ending the input.
 *
 * - O(`bytes.length` + `out.length`) time, a few kilobytes of memory.
 *
 * @param bytes untrusted
 * @param out written from its start; its content is unspecified when a problem is returned
 * @returns `undefined` when all is well
 * @example
 * inflateInto(Uint8Array.of(0x4b, 0x04, 0x00), new Uint8Array(1)); // => undefined
 * @see RFC 1951, section 3.2. Deviation: bytes after the last block are refused.
 */
export function inflateInto(bytes: Uint8Array, out: Uint8Array): InflateProblem | undefined {
  const overflow: InflateProblem = {
    isSize: true,
    what: `inflates to more than the ${out.length} bytes that are expected`,
  };
  const dynamic: CodePair = { literals: emptyCode(), distances: emptyCode() };
  let fixed: CodePair | undefined;
  let hold = 0;
  let held = 0;
  let at = 0;
  let end = 0;

  const refill = (): void => {
    while (held <= 24 && at < bytes.length) {
      hold |= (bytes[at] ?? 0) << held;
      at += 1;
      held += 8;
    }
  };
  /** The next bits, least significant first; -1 at the end of the input. `count` is 16 at most. */
  const take = (count: number): number => {
    if (held < count) refill();
    if (held < count) return -1;
    const value = hold & ((1 << count) - 1);
    hold >>>= count;
    held -= count;
    return value;
  };
  /** The next symbol; -1 at the end of the input, -2 for a code that is none. */
  const symbolOf = (code: HuffmanCode): number => {
    if (held < CODE_BITS_MAX) refill();
    const entry = code.fast[hold & ((1 << FAST_BITS) - 1)] ?? 0;
    if (entry !== 0) {
      const length = entry & 15;
      if (length > held) return -1;
      hold >>>= length;
      held -= length;
      return entry >> 4;
    }
    let value = 0;
    let first = 0;
    let index = 0;
    for (let length = 1; length <= CODE_BITS_MAX; length += 1) {
      if (length > held) return -1;
      value |= (hold >>> (length - 1)) & 1;
      const count = code.counts[length] ?? 0;
      if (value - first < count) {
        hold >>>= length;
        held -= length;
        return code.symbols[index + value - first] ?? -2;
      }
      index += count;
      first = (first + count) << 1;
      value <<= 1;
    }
    return -2;
  };

  const stored = (): InflateProblem | undefined => {
    // The rest of the byte is skipped; whole bytes that were read ahead are given back.
    at -= held >> 3;
    hold = 0;
    held = 0;
    if (at + 4 > bytes.length) return truncated;
    const length = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
    const complement = (bytes[at + 2] ?? 0) | ((bytes[at + 3] ?? 0) << 8);
    if ((length ^ complement) !== 0xffff) return damaged;
    at += 4;
    if (at + length > bytes.length) return truncated;
    if (end + length > out.length) return overflow;
    out.set(bytes.subarray(at, at + length), end);
    at += length;
    end += length;
    return undefined;
  };

  const readCodes = (): InflateProblem | undefined => {
    const literalCount = take(5) + 257;
    const distanceCount = take(5) + 1;
    const codeLengthCount = take(4) + 4;
    if (literalCount > 286 || distanceCount > 30) return damaged;
    const lengths = new Uint8Array(19);
    for (let index = 0; index < codeLengthCount; index += 1) {
      const length = take(3);
      if (length < 0) return truncated;
      lengths[codeLengthOrder[index] ?? 0] = length;
    }
    // The code of the code lengths has this place until they are read.
    if (!setCode(dynamic.distances, lengths, false)) return damaged;
    const all = new Uint8Array(literalCount + distanceCount);
    for (let index = 0; index < all.length; ) {
      const symbol = symbolOf(dynamic.distances);
      if (symbol < 0) return symbol === -1 ? truncated : damaged;
      if (symbol < 16) {
        all[index] = symbol;
        index += 1;
        continue;
      }
      if (symbol === 16 && index === 0) return damaged;
      const repeated = symbol === 16 ? (all[index - 1] ?? 0) : 0;
      const extra = take(symbol === 16 ? 2 : symbol === 17 ? 3 : 7);
      if (extra < 0) return truncated;
      const stop = index + extra + (symbol === 18 ? 11 : 3);
      if (stop > all.length) return damaged;
      all.fill(repeated, index, stop);
      index = stop;
    }
    // A block without an end could not be left.
    if (all[END_OF_BLOCK] === 0) return damaged;
    const areCodes =
      setCode(dynamic.literals, all.subarray(0, literalCount), true) &&
      setCode(dynamic.distances, all.subarray(literalCount), true);
    return areCodes ? undefined : damaged;
  };

  const compressed = ({ literals, distances }: CodePair): InflateProblem | undefined => {
    for (;;) {
      const symbol = symbolOf(literals);
      if (symbol < END_OF_BLOCK) {
        if (symbol < 0) return symbol === -1 ? truncated : damaged;
        if (end >= out.length) return overflow;
        out[end] = symbol;
        end += 1;
        continue;
      }
      if (symbol === END_OF_BLOCK) return undefined;
      const lengthAt = symbol - 257;
      const lengthExtra = take(lengthExtraBits[lengthAt] ?? 0);
      const distanceAt = symbolOf(distances);
      if (distanceAt < 0) return distanceAt === -1 ? truncated : damaged;
      const distanceExtra = take(distanceExtraBits[distanceAt] ?? 0);
      if (lengthExtra < 0 || distanceExtra < 0) return truncated;
      const length = (lengthBase[lengthAt] ?? 0) + lengthExtra;
      const distance = (distanceBase[distanceAt] ?? 0) + distanceExtra;
      if (lengthAt >= lengthBase.length || distanceAt >= distanceBase.length || distance > end) {
        return damaged;
      }
      if (end + length > out.length) return overflow;
      const stop = end + length;
      for (; end < stop; end += 1) out[end] = out[end - distance] ?? 0;
    }
  };

  for (let isLast = 0; isLast === 0; ) {
    isLast = take(1);
    const type = take(2);
    if (type < 0) return truncated;
    let problem: InflateProblem | undefined;
    if (type === 0) problem = stored();
    else if (type === 1) {
      if (fixed === undefined) {
        fixed = { literals: emptyCode(), distances: emptyCode() };
        setCode(fixed.literals, fixedLiteralLengths, false);
        setCode(fixed.distances, fixedDistanceLengths, false);
      }
      problem = compressed(fixed);
    } else if (type === 2) problem = readCodes() ?? compressed(dynamic);
    else problem = damaged;
    if (problem !== undefined) return problem;
  }
  if (end !== out.length) {
    return { isSize: true, what: `inflates to ${end} bytes where ${out.length} are expected` };
  }
  // What is left of the last byte is padding; a whole byte more is not part of the stream.
  return at - (held >> 3) === bytes.length
    ? undefined
    : { isSize: false, what: "goes on after its compressed data" };
}
