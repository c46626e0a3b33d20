import { describe, expect, it } from "vitest";
import { frameKinds } from "../src/codec/frame.ts";
import * as protocol from "../src/index.ts";
import { nodeCryptography } from "../src/node.ts";
import { runVectors } from "./runVectors.ts";
import { vectors } from "./vectors.ts";

const cryptographies = {
  node: nodeCryptography,
  portable: protocol.portableCryptography,
};

describe("frozen vectors", () => {
  it("[PR55] hold with every implementation of the cryptography", () => {
    const { checkCount, failures } = runVectors(protocol, cryptographies, vectors);
    expect(failures).toStrictEqual([]);
    expect(checkCount).toBeGreaterThan(200);
  });

  it("[PR55] have a message of every kind", () => {
    expect(new Set(vectors.messages.map(({ kind }) => kind))).toStrictEqual(
      new Set(Object.keys(frameKinds)),
    );
  });

  it("[PR55] fail when a digit of them is another, each of them", () => {
    const otherDigit = (hex: string, at: number): string =>
      `${hex.slice(0, at)}${hex[at] === "0" ? "1" : "0"}${hex.slice(at + 1)}`;
    const failuresOf = (changed: Partial<typeof vectors>): number =>
      runVectors(protocol, { node: nodeCryptography }, { ...vectors, ...changed }).failures.length;
    for (const [index, message] of vectors.messages.entries()) {
      const messages = vectors.messages.with(index, {
        ...message,
        frame: otherDigit(message.frame, 60),
      });
      expect(failuresOf({ messages })).toBeGreaterThan(0);
    }
    for (const [index, set] of vectors.parameters.entries()) {
      const parameters = vectors.parameters.with(index, {
        ...set,
        bytes: otherDigit(set.bytes, set.bytes.length - 1),
      });
      expect(failuresOf({ parameters })).toBeGreaterThan(0);
    }
    for (const [index, delta] of vectors.deltas.entries()) {
      const deltas = vectors.deltas.with(index, { ...delta, result: otherDigit(delta.result, 0) });
      expect(failuresOf({ deltas })).toBeGreaterThan(0);
    }
    for (const [index, refusal] of vectors.refusals.entries()) {
      const refusals = vectors.refusals.with(index, { ...refusal, code: "window.full" });
      expect(failuresOf({ refusals })).toBe(1);
    }
  });
});
