import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { baseAndDelta, finite, weight } from "../../test/arbitraryParameters.ts";
import { unwrap } from "../errors.ts";
import { encodeParameters } from "../parameters/parameterSet.ts";
import { decodeDelta, encodeDelta } from "./deltaCodec.ts";
import { applyDelta, type ParameterDelta } from "./parameterDelta.ts";

const scaleOf = (values: Float32Array): number => {
  const scale = Math.fround(
    values.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 127,
  );
  return scale < 2 ** -126 ? 0 : scale;
};

describe("a delta on the wire", () => {
  it("[PR30] comes back within half a scale of what it was", () => {
    const value = fc.oneof(
      weight,
      finite.filter((number) => Math.abs(number) < 3.3e38),
    );
    fc.assert(
      fc.property(baseAndDelta(value), ({ base, delta }) => {
        const decoded = unwrap(decodeDelta(encodeDelta(delta), base));
        expect(decoded.map(({ index }) => index)).toStrictEqual(delta.map(({ index }) => index));
        decoded.forEach(({ values }, at) => {
          const before = delta[at]?.values ?? new Float32Array();
          const scale = scaleOf(before);
          expect(values.length).toBe(before.length);
          values.forEach((decodedValue, index) => {
            // Half a scale, and 127 x 2^-24 of one for the two roundings to float32; below 127 x 2^-126 everything is 0.
            const bound = scale === 0 ? 127 * 2 ** -126 : scale * (0.5 + 127 * 2 ** -23);
            expect(Math.abs(decodedValue - (before[index] ?? 0))).toBeLessThanOrEqual(bound);
          });
        });
      }),
    );
  });

  it("[PR31] is the same when it is decoded, encoded and decoded again", () => {
    fc.assert(
      fc.property(baseAndDelta(weight), ({ base, delta }) => {
        const once = unwrap(decodeDelta(encodeDelta(delta), base));
        expect(unwrap(decodeDelta(encodeDelta(once), base))).toStrictEqual(once);
      }),
    );
  });

  it("[PR31] makes a candidate that both sides rebuild bit for bit", () => {
    fc.assert(
      fc.property(baseAndDelta(weight), ({ base, delta }) => {
        const wire = encodeDelta(delta);
        const onDevice = encodeParameters(applyDelta(base, unwrap(decodeDelta(wire, base))));
        // The hub has other buffers: its base comes out of a blob, the delta out of the middle of a frame.
        const frame = new Uint8Array(wire.length + 5);
        frame.set(wire, 5);
        const onHub = encodeParameters(
          applyDelta(
            base.map((tensor) => ({ ...tensor, data: tensor.data.slice() })),
            unwrap(decodeDelta(frame.subarray(5), base)),
          ),
        );
        expect(onHub).toStrictEqual(onDevice);
        // The rule in its own words, one value after another.
        const byRule: ParameterDelta = unwrap(decodeDelta(wire, base));
        for (const { index, values } of byRule) {
          const scale = scaleOf(
            delta.find((tensor) => tensor.index === index)?.values ?? new Float32Array(),
          );
          for (const value of values) {
            const level = scale === 0 ? 0 : Math.round(value / scale);
            expect(Math.fround(level * scale) + 0).toBe(value + 0);
            expect(Math.abs(level)).toBeLessThanOrEqual(127);
          }
        }
      }),
    );
  });

  it("[PR29] costs at most 1.1 bytes a value, as soon as there are enough of them", () => {
    const noise = fc.array(weight, { minLength: 2000, maxLength: 2000 });
    fc.assert(
      fc.property(noise, (values) => {
        const bytes = encodeDelta([{ index: 0, values: Float32Array.from(values) }]);
        expect(bytes.length).toBeLessThanOrEqual(1.1 * values.length);
      }),
      { numRuns: 20 },
    );
  });
});

describe("any bytes", () => {
  it("[PR33] are decoded or refused, never thrown at", () => {
    fc.assert(
      fc.property(
        baseAndDelta(weight),
        fc.uint8Array({ maxLength: 40 }),
        fc.nat(),
        ({ base, delta }, noise, at) => {
          const wire = encodeDelta(delta);
          const damaged = wire.slice();
          damaged[at % wire.length] = noise[0] ?? 0;
          for (const bytes of [noise, damaged, wire.subarray(0, at % wire.length)]) {
            const outcome = decodeDelta(bytes, base);
            expect(
              outcome.ok
                ? outcome.value.every(({ values }) =>
                    values.every((value) => Number.isFinite(value)),
                  )
                : /^delta\.(?:not_decodable|shape_mismatch|not_finite)$/.test(outcome.refusal.code),
            ).toBe(true);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});
