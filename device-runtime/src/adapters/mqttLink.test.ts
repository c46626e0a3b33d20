import type { AddressInfo, Socket } from "node:net";
import { createServer } from "node:net";
import { Aedes } from "aedes";
import { expect, it } from "vitest";
import { linkContract } from "./link.contract.ts";
import { createMqttLink } from "./mqttLink.ts";

linkContract("MQTT", async () => {
  const aedes = await Aedes.createBroker();
  aedes.authenticate = (client, userName, password, callback) => {
    const isKnown = password?.toString() === `secret-of-${userName}`;
    callback(isKnown ? null : Object.assign(new Error("no"), { returnCode: 4 as const }), isKnown);
    void client;
  };
  aedes.authorizePublish = (client, packet, callback) => {
    callback(
      client === null || packet.topic.startsWith("up/") ? null : new Error("forbidden topic"),
    );
  };
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    aedes.handle(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    link: createMqttLink(`mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`),
    publish: (topic, payload, isRetained) =>
      new Promise((resolve, reject) => {
        aedes.publish(
          {
            cmd: "publish",
            topic,
            payload: Buffer.from(payload),
            qos: 1,
            retain: isRetained,
            dup: false,
          },
          (error) => {
            if (error) reject(error);
            else resolve();
          },
        );
      }),
    async watch(topic) {
      const payloads: Uint8Array[] = [];
      await new Promise<void>((resolve) => {
        aedes.subscribe(
          topic,
          (packet, done) => {
            payloads.push(new Uint8Array(packet.payload as Buffer));
            done();
          },
          resolve,
        );
      });
      return { payloads };
    },
    cut() {
      for (const socket of sockets) socket.destroy();
      return Promise.resolve();
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => {
        aedes.close(resolve);
      });
      await new Promise((resolve) => server.close(resolve));
    },
  };
});

it("[DR20] MQTT: nobody there is link.connect_failed", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  const closed: string[] = [];
  await expect(
    createMqttLink(`mqtt://127.0.0.1:${port}`).connect(
      {
        clientId: "dev-1",
        userName: "dev-1",
        password: "x",
        will: null,
        signal: new AbortController().signal,
      },
      { message: () => undefined, closed: (reason) => closed.push(reason) },
    ),
  ).rejects.toMatchObject({ code: "link.connect_failed", isRetryable: true });
});

it("[DR20] a connection to a broker that confirms nothing is left all the same", async () => {
  const heard: number[] = [];
  let tellEnded = (): void => undefined;
  const ended = new Promise<void>((resolve) => {
    tellEnded = resolve;
  });
  let tellPublished = (): void => undefined;
  const published = new Promise<void>((resolve) => {
    tellPublished = resolve;
  });
  const server = createServer((socket) => {
    socket.on("data", (bytes) => {
      const packetType = (bytes[0] ?? 0) >> 4;
      heard.push(packetType);
      // CONNACK; whatever else comes is swallowed.
      if (packetType === 1) socket.write(Uint8Array.of(0x20, 2, 0, 0));
      if (packetType === 3) tellPublished();
    });
    socket.on("end", tellEnded);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const controller = new AbortController();
  const closed: string[] = [];
  const connection = await createMqttLink(`mqtt://127.0.0.1:${port}`).connect(
    { clientId: "a", userName: "a", password: "b", will: null, signal: controller.signal },
    { message: () => undefined, closed: (reason) => closed.push(reason) },
  );
  const publishing = connection.publish("up/a", Uint8Array.of(1)).catch((error: unknown) => error);
  await published;
  controller.abort();
  expect(await publishing).toMatchObject({ code: "link.closed" });
  await ended;
  expect(closed).toEqual(["closed"]);
  // CONNECT, PUBLISH, DISCONNECT: the broker keeps the last will.
  expect(heard).toEqual([1, 3, 14]);
  await new Promise((resolve) => server.close(resolve));
});
