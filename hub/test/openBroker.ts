// A broker elsewhere that guards nothing: whoever connects may publish anything. For tests of what signatures are for.
import { createServer, type Socket } from "node:net";
import { Aedes } from "aedes";

/** A broker that runs. */
export interface OpenBroker {
  readonly url: string;
  /** Publishes as anybody could. */
  publish(topic: string, payload: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** Starts it on a free port of this machine. */
export async function startOpenBroker(): Promise<OpenBroker> {
  const aedes = await Aedes.createBroker();
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    aedes.handle(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  return {
    url: `mqtt://127.0.0.1:${port}`,
    publish: (topic, payload) =>
      new Promise((resolve, reject) => {
        aedes.publish(
          {
            cmd: "publish",
            topic,
            payload: Buffer.from(payload),
            qos: 1,
            retain: true,
            dup: false,
          },
          (error) => (error ? reject(error) : resolve()),
        );
      }),
    async close() {
      await new Promise<void>((resolve) => aedes.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
