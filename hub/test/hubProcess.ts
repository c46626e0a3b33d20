// A hub in a process of its own, for tests that kill it. Prints its addresses as one line of JSON.
import type { FleetId } from "@attune/protocol";
import { createHub } from "../src/index.ts";

const [dataFolder, fleet] = process.argv.slice(2);
const hub = createHub({
  dataFolder: dataFolder as string,
  fleet: fleet as FleetId,
  mqtt: { kind: "embedded", tcpPort: 0, webSocketPort: null },
  http: { port: 0 },
  policy: { window: { quorum: 500, contributionsMin: 3, contributionsMax: 1024 } },
  pageFolder: null,
});
console.log(JSON.stringify(await hub.start()));
