import { expect, it } from "vitest";
import { isLoopbackUrl } from "./loopback.ts";

it.each([
  "http://localhost",
  "http://localhost:8080/",
  "https://127.0.0.1",
  "http://127.255.0.9:1",
  "http://[::1]:7000",
  "mqtt://localhost:1883",
])("%s is this machine", (url) => {
  expect(isLoopbackUrl(url)).toBe(true);
});

it.each([
  "http://localhost.example.org",
  "http://127.0.0.1.example.org",
  "http://127.evil.example",
  "http://user:127.0.0.1@example.org",
  "http://128.0.0.1",
  "http://0.0.0.0",
  "http://[::2]",
  "http://hub.local",
  "127.0.0.1",
  "",
])("%s is not", (url) => {
  expect(isLoopbackUrl(url)).toBe(false);
});
