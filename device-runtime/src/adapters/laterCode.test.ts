import { expect, it } from "vitest";
import { laterCode } from "./laterCode.ts";

it("[DR53] what does not load is a fault that says so, and loads when it is asked for again", async () => {
  let isThere = false;
  const load = (): Promise<number> =>
    isThere ? Promise.resolve(7) : Promise.reject(new TypeError("404"));
  await expect(laterCode("the seven", load)).rejects.toMatchObject({
    name: "Fault",
    code: "runtime.code_unavailable",
    message: expect.stringContaining("the seven could not be loaded"),
    cause: new TypeError("404"),
  });
  isThere = true;
  expect(await laterCode("the seven", load)).toBe(7);
});
