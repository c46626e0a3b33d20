import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createHttpBlobSource } from "./httpBlobSource.ts";

const blob = Uint8Array.from({ length: 200_000 }, (_, index) => (index * 7) % 251);
let server: Server;
let url: string;

beforeEach(async () => {
  server = createServer((request, response) => {
    if (request.url === "/missing") {
      response.writeHead(404).end("no such blob");
    } else if (request.url === "/broken") {
      response.writeHead(500).end();
    } else if (request.url === "/elsewhere") {
      response.writeHead(302, { location: "/blob" }).end();
    } else if (request.url === "/plain") {
      response.writeHead(200).end(blob);
    } else {
      const [, from, to] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? "") ?? [];
      const end = request.url === "/short" ? Number(from) + 10 : Number(to) + 1;
      response.writeHead(206).end(blob.subarray(Number(from), end));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const read = (path: string, from: number, length: number): Promise<Uint8Array> =>
  createHttpBlobSource().read(`${url}${path}`, from, length, new AbortController().signal);

it("[DR31] a range arrives as asked for, from servers with ranges and without", async () => {
  for (const path of ["/blob", "/plain"]) {
    expect(await read(path, 0, 10)).toEqual(blob.slice(0, 10));
    expect(await read(path, 131_072, 65_536)).toEqual(blob.slice(131_072, 196_608));
    expect(await read(path, 199_999, 1)).toEqual(blob.slice(199_999));
  }
});

it("[DR31] what is missing, broken, redirected or too short is a fault that may pass", async () => {
  const codes = [
    ["/missing", "blob.not_found"],
    ["/broken", "blob.unreachable"],
    ["/elsewhere", "blob.unreachable"],
    ["/short", "blob.range_wrong"],
  ] as const;
  for (const [path, code] of codes) {
    await expect(read(path, 0, 100)).rejects.toMatchObject({ code, isRetryable: true });
  }
  await expect(read("/plain", 199_999, 2)).rejects.toMatchObject({ code: "blob.range_wrong" });
});

it("[DR31] an aborted read ends", async () => {
  const controller = new AbortController();
  controller.abort();
  await expect(
    createHttpBlobSource().read(`${url}/blob`, 0, 10, controller.signal),
  ).rejects.toMatchObject({ code: "blob.unreachable" });
});
