import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { findConnection, readOperatorFile, writeOperatorFile } from "./connection.ts";

const folders: string[] = [];
const freshFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), "attune-data-"));
  folders.push(folder);
  return join(folder, "attune-data");
};
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

const left = { url: "http://127.0.0.1:7799", token: "from-the-folder" };

describe("findConnection", () => {
  it("takes flags before environment before the data folder", () => {
    const data = freshFolder();
    writeOperatorFile(data, left);
    const environment = { ATTUNE_HUB: "http://env:1", ATTUNE_TOKEN: "from-env" };
    expect(findConnection({ data, hub: "http://flag:1", token: "from-flag" }, environment)).toEqual(
      {
        url: "http://flag:1",
        urlFrom: "flag",
        token: "from-flag",
        tokenFrom: "flag",
      },
    );
    expect(findConnection({ data }, environment)).toMatchObject({
      url: "http://env:1",
      token: "from-env",
    });
    expect(findConnection({ data }, {})).toMatchObject({ ...left, tokenFrom: "data folder" });
  });

  it("does not hand the folder's token to another hub", () => {
    const data = freshFolder();
    writeOperatorFile(data, left);
    expect(findConnection({ data, hub: "http://elsewhere:7799" }, {}).token).toBeNull();
    expect(findConnection({ data, hub: "http://127.0.0.1:7798" }, {}).token).toBeNull();
    expect(findConnection({ data, hub: "https://127.0.0.1:7799" }, {}).token).toBeNull();
    expect(findConnection({ data, hub: `${left.url}/` }, {}).token).toBe(left.token);
  });

  it("goes to the usual port when nobody says anything", () => {
    expect(findConnection({ data: freshFolder() }, { ATTUNE_HUB: "" })).toEqual({
      url: "http://127.0.0.1:7700",
      urlFrom: "default",
      token: null,
      tokenFrom: null,
    });
  });

  it.each(["hub.local", "ftp://hub.local", "javascript:alert(1)", ""])(
    "refuses %j as an address",
    (hub) => {
      expect(() => findConnection({ data: freshFolder(), hub }, {})).toThrow(
        expect.objectContaining({ code: "hub.address_invalid" }),
      );
    },
  );
});

describe("the operator's file", () => {
  it("is readable by its owner only, and not used otherwise", () => {
    const data = freshFolder();
    writeOperatorFile(data, left);
    const path = join(data, "operator.json");
    expect((statSync(path).mode & 0o777).toString(8)).toBe("600");
    expect((statSync(data).mode & 0o777).toString(8)).toBe("700");
    chmodSync(path, 0o644);
    expect(() => readOperatorFile(data)).toThrow(
      expect.objectContaining({ code: "operator.token_exposed" }),
    );
  });

  it.each(["", "{", "[]", '{"url":1,"token":"x"}'])("is not believed when it holds %j", (text) => {
    const data = freshFolder();
    writeOperatorFile(data, left);
    writeFileSync(join(data, "operator.json"), text);
    expect(() => readOperatorFile(data)).toThrow(
      expect.objectContaining({ code: "operator.file_damaged" }),
    );
  });
});
