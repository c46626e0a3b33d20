// Trajectories as text and back, so that a browser gets what Node has read. For tests only.
import type { ParityCase } from "../torchParityCase.ts";

const arrays = { BigInt64Array, Float32Array, Uint8Array } as const;

const isKind = (name: string): name is keyof typeof arrays => Object.hasOwn(arrays, name);

/** Writes cases as JSON. */
export function encodeCases(cases: ReadonlyMap<string, ParityCase>): string {
  return JSON.stringify(cases, (_, value: unknown) => {
    if (value instanceof Map) return { kind: "Map", value: [...value] };
    if (!ArrayBuffer.isView(value)) return value;
    const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    let text = "";
    for (const byte of bytes) text += String.fromCharCode(byte);
    // A Buffer is a Uint8Array here.
    const name = value.constructor.name;
    return { kind: isKind(name) ? name : "Uint8Array", value: btoa(text) };
  });
}

/** Reads what {@link encodeCases} wrote. */
export function decodeCases(text: string): ReadonlyMap<string, ParityCase> {
  return JSON.parse(text, (_, one: unknown) => {
    if (typeof one !== "object" || one === null || !("kind" in one && "value" in one)) return one;
    const { kind, value } = one;
    if (kind === "Map") return new Map(value as [unknown, unknown][]);
    if (typeof kind !== "string" || !isKind(kind) || typeof value !== "string") return one;
    const bytes = Uint8Array.from(atob(value), (letter) => letter.charCodeAt(0));
    return new arrays[kind](bytes.buffer);
  }) as ReadonlyMap<string, ParityCase>;
}
