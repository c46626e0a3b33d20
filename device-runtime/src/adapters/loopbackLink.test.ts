import { expect, it } from "vitest";
import { linkContract } from "./link.contract.ts";
import { createLoopbackBroker, filterCovers } from "./loopbackLink.ts";

linkContract("loopback", () => {
  const broker = createLoopbackBroker({
    authenticate: ({ userName, password }) => password === `secret-of-${userName}`,
    mayPublish: (_userName, topic) => topic.startsWith("up/"),
  });
  return Promise.resolve({
    link: broker.link,
    publish(topic, payload, isRetained) {
      broker.hub.publish(topic, payload, isRetained);
      return Promise.resolve();
    },
    watch(topic) {
      const payloads: Uint8Array[] = [];
      broker.hub.subscribe(topic, (_topic, payload) => payloads.push(payload));
      return Promise.resolve({ payloads });
    },
    cut(clientId) {
      broker.cut("the network broke", clientId);
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  });
});

it("[DR20] filters cover topics as in MQTT", () => {
  expect(filterCovers("a/b", "a/b")).toBe(true);
  expect(filterCovers("a/b", "a/b/c")).toBe(false);
  expect(filterCovers("a/+/c", "a/b/c")).toBe(true);
  expect(filterCovers("a/+", "a/b/c")).toBe(false);
  expect(filterCovers("a/#", "a/b/c")).toBe(true);
  expect(filterCovers("a/b/c", "a/b")).toBe(false);
});

it("[DR20] an unreachable broker lets nobody in and cuts whoever is", async () => {
  const broker = createLoopbackBroker();
  const closed: string[] = [];
  const options = {
    clientId: "dev-1",
    userName: "dev-1",
    password: "",
    will: null,
    signal: new AbortController().signal,
  };
  const handlers = { message: () => undefined, closed: (reason: string) => closed.push(reason) };
  await broker.link.connect(options, handlers);
  broker.setReachable(false);
  expect(closed).toEqual(["the network is gone"]);
  await expect(broker.link.connect(options, handlers)).rejects.toMatchObject({
    code: "link.connect_failed",
  });
  broker.setReachable(true);
  await broker.link.connect(options, handlers);
  expect(broker.clients()).toEqual(["dev-1"]);
});
