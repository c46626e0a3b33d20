// A hub: opens its store, rebuilds its memory, joins broker, lines, intake and HTTP, and closes them again. It decides nothing.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { assertDefect, type Cryptography, Fault, type FleetId, unwrap } from "@attune/protocol";
import { nodeCryptography } from "@attune/protocol/node";
import { openBlobFolder } from "./adapters/blobFolder.ts";
import { createEmbeddedBroker } from "./adapters/mqtt/embeddedBroker.ts";
import { createExternalBroker } from "./adapters/mqtt/externalBroker.ts";
import { createWorkerJudge } from "./adapters/ort/workerJudge.ts";
import { openWorkerStore } from "./adapters/sqlite/workerStore.ts";
import { freeBytes } from "./adapters/system/freeBytes.ts";
import { createSystemClock } from "./adapters/system/systemClock.ts";
import { createSystemRandom } from "./adapters/system/systemRandom.ts";
import { createApp } from "./app.ts";
import type { AuditEntry, AuditRow } from "./core/audit/auditChain.ts";
import { STATE_INTERVAL_MS } from "./limits.ts";
import { defaultPolicy, type LinePolicyInput, mergePolicy } from "./policy.ts";
import type { Broker } from "./ports/broker.ts";
import type { Clock } from "./ports/clock.ts";
import type { Random } from "./ports/random.ts";
import { isLoopbackName } from "./routes/access.ts";
import { parsePolicy } from "./routes/policySchema.ts";
import { type HttpServer, listenHttp, servePage } from "./server.ts";
import { createAccessToken } from "./shell/accessActs.ts";
import { authenticateClient } from "./shell/authenticateClient.ts";
import { createDocuments } from "./shell/documents.ts";
import { createEnrolment } from "./shell/enrolment.ts";
import { createHubContext } from "./shell/hubContext.ts";
import { createHubMemory } from "./shell/hubMemory.ts";
import { createIntakePipeline } from "./shell/intakePipeline.ts";
import { createLineRunner } from "./shell/lineRunner.ts";
import { createLineWork } from "./shell/lineWork.ts";
import { createParameterShelf } from "./shell/parameterShelf.ts";
import { createReceiptSender } from "./shell/receiptSender.ts";
import { createRetainedMessages } from "./shell/retainedMessages.ts";
import type { RunningHub } from "./shell/runningHub.ts";
import { finishTrustChange, loadOnlineKey } from "./shell/trustKeeper.ts";
import { watchWrites } from "./shell/watchWrites.ts";
import { isLoopbackUrl } from "./signer/loopback.ts";
import type { HubState } from "./state.ts";

/** Certificate chain and private key, PEM. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
}

/** Where devices reach the hub. */
export type HubMqttOptions =
  | {
      readonly kind: "embedded";
      /** Default 127.0.0.1. */
      readonly host?: string | undefined;
      /** 0 for any free one, null for none. */
      readonly tcpPort: number | null;
      readonly webSocketPort: number | null;
      readonly tls?: TlsFiles | undefined;
      /** Off loopback without TLS, where credentials and enrolment tokens can be read on the way: only for a network that is private. */
      readonly allowPlainText?: boolean | undefined;
    }
  | {
      readonly kind: "external";
      readonly url: string;
      readonly username?: string | undefined;
      readonly password?: string | undefined;
      /** As above, for the hub's own password on its way to the broker. */
      readonly allowPlainText?: boolean | undefined;
    };

/** What a hub is made of. */
export interface HubOptions {
  /** Database, blobs and the online key; one hub at a time. */
  readonly dataFolder: string;
  readonly fleet: FleetId;
  readonly mqtt: HubMqttOptions;
  /** Null: the application answers `hub.app.request` only. */
  readonly http: {
    readonly host?: string | undefined;
    readonly port: number;
    readonly tls?: TlsFiles | undefined;
    /** Where people and devices reach it when that is another address, such as a proxy's: `https://hub.example`. */
    readonly publicUrl?: string | undefined;
  } | null;
  /** What a new line starts with, in place of the defaults. */
  readonly policy?: LinePolicyInput | undefined;
  /** Base URL of blobs, for decisions; default: `/blobs` at the HTTP address. */
  readonly blobUrl?: string | undefined;
  /** The page's files; default: the page that comes with the hub; null for none. */
  readonly pageFolder?: string | null | undefined;
  readonly clock?: Clock | undefined;
  /** Keys and secrets are drawn from it: anything but the default is for simulations. */
  readonly random?: Random | undefined;
  readonly cryptography?: Cryptography | undefined;
  /** Faults in the background; they are in the state document as well. */
  readonly onFault?: ((fault: Fault) => void) | undefined;
}

/** Where a hub that has started is reached. */
export interface HubAddresses {
  /** Shown once: at the first start of a data folder. */
  readonly adminToken: string | null;
  readonly httpUrl: string | null;
  readonly mqttUrl: string | null;
  readonly webSocketUrl: string | null;
}

/** One hub. */
export interface Hub {
  /**
   * Opens the store, goes on where it stopped, publishes what is retained, listens.
   *
   * @throws Fault `store.locked`, `store.newer`, `store.io_failed`, `hub.key_unreadable`, `broker.*`, `http.address_unavailable`
   */
  start(): Promise<HubAddresses>;
  /** Stops listening, commits what has arrived, closes the store. Harmless when it does not run. */
  close(): Promise<void>;
  /** The HTTP application; `app.request(path, init)` asks it without a port. */
  readonly app: ReturnType<typeof createApp>;
  /** The document of `GET /api/state`. @throws Defect `hub.not_running` */
  state(): HubState;
  /** Called after the commit, in order. @returns a function that ends it */
  onAudit(listener: (row: AuditRow) => void): () => void;
  /** Called when the state has changed, at most four times a second. @returns a function that ends it */
  onState(listener: (state: HubState) => void): () => void;
  /** Resolves when everything that has arrived so far is committed and nothing is being worked out. */
  idle(): Promise<void>;
}

/**
 * Creates a hub. It opens and listens at nothing before `start`, and shares nothing with other hubs in the process.
 *
 * @throws Defect `operator.request_invalid` for a policy that no line may have
 */
export function createHub(options: HubOptions): Hub {
  const clock = options.clock ?? createSystemClock();
  const random = options.random ?? createSystemRandom();
  const cryptography = options.cryptography ?? nodeCryptography;
  const newLinePolicy = unwrap(parsePolicy(mergePolicy(defaultPolicy, options.policy ?? {})));
  const httpHost = options.http?.host ?? "127.0.0.1";
  const isLoopbackOnly = isLoopback(options, httpHost);
  const publicUrl = options.http?.publicUrl === undefined ? null : new URL(options.http.publicUrl);
  const auditListeners = new Set<(row: AuditRow) => void>();
  const stateListeners = new Set<(state: HubState) => void>();
  let running: (RunningHub & { idle(): Promise<void>; stop(): Promise<void> }) | null = null;

  const stateTeller = createStateTeller(() => {
    if (running === null || stateListeners.size === 0) return;
    const state = running.state();
    for (const listener of stateListeners) listener(state);
  });

  const onAudit: Hub["onAudit"] = (listener) => {
    auditListeners.add(listener);
    return () => auditListeners.delete(listener);
  };
  const onState: Hub["onState"] = (listener) => {
    stateListeners.add(listener);
    return () => stateListeners.delete(listener);
  };

  let onAppFault: (error: unknown) => void = () => undefined;
  const app = createApp({
    hub: () => running,
    isLoopbackOnly: isLoopbackName(httpHost),
    publicUrl,
    onFault: (error) => onAppFault(error),
    onAudit,
    onState,
  });
  servePage(app, options.pageFolder === undefined ? ownPageFolder() : options.pageFolder);

  const start = async (): Promise<HubAddresses> => {
    assertDefect(running === null, "hub.already_running", "this hub has been started already");
    assertGuardedMqtt(options);
    await mkdir(options.dataFolder, { recursive: true, mode: 0o700 });
    const { store, isSound: isStoreSound } = watchWrites(
      await openWorkerStore(join(options.dataFolder, "attune.db")),
      () => freeBytes(options.dataFolder),
    );
    const closing: (() => Promise<void>)[] = [() => store.close()];
    try {
      const blobs = await openBlobFolder(join(options.dataFolder, "blobs"), cryptography);
      const onlineKey = await loadOnlineKey(options.dataFolder, random, cryptography);
      const broker = createBroker(options);
      const stored = await store.load();
      const memory = createHubMemory(stored);
      // A broker of our own has nobody connected yet; another one may have everybody.
      if (broker.isGuarding)
        for (const device of memory.devices.values()) device.isConnected = false;
      const context = createHubContext(
        { fleet: options.fleet, clock, random, cryptography, store, blobs, broker, onlineKey },
        memory,
        {
          onAudit: (row) => {
            for (const listener of auditListeners) listener(row);
          },
          onChange: () => stateTeller.changed(),
          onFault: (fault) => options.onFault?.(fault),
        },
      );
      onAppFault = context.fault;
      const shelf = createParameterShelf(context);
      const receipts = createReceiptSender(context, stored.outbox);
      const retained = createRetainedMessages(context);
      const retainedChanged = (): void => void retained.reconcile();
      const judge = createWorkerJudge();
      closing.push(() => judge.close());
      let blobUrl = options.blobUrl ?? "";
      const lines = createLineRunner(context, {
        work: createLineWork(context, shelf, judge),
        retainedChanged,
        blobUrl: () => blobUrl,
      });
      const intake = createIntakePipeline(context, shelf, receipts, lines);
      const enrolment = createEnrolment(context, intake, lines, newLinePolicy, retainedChanged);
      const documents = createDocuments(context, lines, intake);
      const startedAtMs = clock.nowMs();
      let isBrokerConnected = false;
      let isAccepting = false;
      let addresses: { mqttUrl: string | null; webSocketUrl: string | null } = {
        mqttUrl: null,
        webSocketUrl: null,
      };
      const note = (action: string, detail: AuditEntry["detail"]): AuditEntry => ({
        atMs: clock.nowMs(),
        actor: "hub",
        action,
        line: null,
        subject: options.fleet,
        reason: "",
        detail,
      });
      const idle = async (): Promise<void> => {
        await intake.idle();
        await lines.idle();
        await retained.reconcile();
        await receipts.idle();
      };
      running = {
        context,
        lines,
        documents,
        newLinePolicy,
        retainedChanged,
        shelf,
        isLoopbackOnly,
        isBrokerConnected: () => isBrokerConnected,
        isStoreSound,
        state: () => documents.state({ startedAtMs, isBrokerConnected, ...addresses }),
        idle,
        async stop() {
          isAccepting = false;
          lines.close();
          // What has arrived is committed and receipted; work that takes longer begins again at the next start.
          await intake.idle();
          await context.acts.drained();
          await receipts.idle();
          // A store that has failed must not keep the rest from closing.
          await context.commit([], [note("hub.stopped", {})]).catch(context.fault);
          for (const close of closing.reverse()) await close();
          stateTeller.stop();
        },
      };
      const adminToken = await firstAdminToken(running, stored.accessTokens.length === 0);
      let httpServer: HttpServer | null = null;
      if (options.http !== null) {
        httpServer = await listenHttp(app, httpHost, options.http.port, options.http.tls);
        closing.push(httpServer.close);
      }
      const scheme = options.http?.tls === undefined ? "http" : "https";
      const httpUrl = httpServer === null ? null : `${scheme}://${httpHost}:${httpServer.port}`;
      const reachedAt = publicUrl?.href.replace(/\/$/, "") ?? httpUrl;
      if (options.blobUrl === undefined && reachedAt !== null) blobUrl = `${reachedAt}/blobs`;
      closing.push(() => broker.close());
      addresses = await broker.start({
        onMessage(topic, payload) {
          if (isAccepting && !enrolment.onMessage(topic, payload)) intake.onMessage(topic, payload);
        },
        authenticate: (credentials) => authenticateClient(context, credentials),
        onForbidden: (principal, act, topic) => intake.onForbidden(principal, act, topic),
        onPresence: (device, isConnected) => lines.presenceChanged(device, isConnected),
        onConnection(isConnected) {
          isBrokerConnected = isConnected;
          context.changed();
          if (!isConnected) return;
          // Whatever the broker kept may be gone with it.
          void retained.republish();
          receipts.resend();
        },
        onFault: (fault) => context.fault(fault),
      });
      isAccepting = true;
      await context.commit(
        [],
        [note("hub.started", { broker: options.mqtt.kind, hubKey: documents.trust().hubKeyId })],
      );
      await context.acts.run(() => finishTrustChange({ context, lines }));
      await retained.reconcile();
      await lines.resume();
      return { adminToken, httpUrl, ...addresses };
    } catch (error) {
      running = null;
      for (const close of closing.reverse()) await close().catch(() => undefined);
      throw error;
    }
  };

  return {
    app,
    start,
    async close() {
      const stopping = running;
      if (stopping === null) return;
      await stopping.stop();
      running = null;
    },
    state() {
      assertDefect(running !== null, "hub.not_running", "start the hub first");
      return running.state();
    },
    onAudit,
    onState,
    async idle() {
      await running?.idle();
    },
  };
}

async function firstAdminToken(hub: RunningHub, isFirstStart: boolean): Promise<string | null> {
  if (!isFirstStart) return null;
  const made = await createAccessToken(hub.context, "admin", "made at the first start", "hub");
  return unwrap(made).token;
}

function createBroker({ fleet, mqtt }: HubOptions): Broker {
  if (mqtt.kind === "external") {
    const { url, username, password } = mqtt;
    return createExternalBroker({ fleet, url, username, password });
  }
  const { host = "127.0.0.1", tcpPort, webSocketPort, tls } = mqtt;
  return createEmbeddedBroker({ fleet, host, tcpPort, webSocketPort, tls });
}

const encryptedProtocols: ReadonlySet<string> = new Set(["mqtts:", "ssl:", "tls:", "wss:"]);

/** Devices show credentials and enrolment tokens when they connect, and so does the hub at a broker. @throws Fault `broker.tls_missing` */
function assertGuardedMqtt({ mqtt }: HubOptions): void {
  if (mqtt.allowPlainText === true) return;
  if (mqtt.kind === "external") {
    const { protocol, host } = new URL(mqtt.url);
    if (encryptedProtocols.has(protocol) || isLoopbackUrl(mqtt.url)) return;
    throw new Fault(
      `${protocol}//${host} would show the hub's password and every delta on the way`,
      {
        code: "broker.tls_missing",
        hint: "use mqtts:// or wss://, or say that the network is private (--mqtt-plain-text)",
      },
    );
  }
  if (mqtt.tls !== undefined) return;
  const { host = "127.0.0.1", tcpPort, webSocketPort } = mqtt;
  if (isLoopbackName(host) || (tcpPort === null && webSocketPort === null)) return;
  throw new Fault(`MQTT on ${host} without TLS would show every device's credential on the way`, {
    code: "broker.tls_missing",
    hint: "give a certificate (--tls-cert and --tls-key), or say that the network is private (--mqtt-plain-text)",
  });
}

/** A demo's keys are for hubs that nobody else can reach. */
function isLoopback({ mqtt, http }: HubOptions, httpHost: string): boolean {
  const mqttHost =
    mqtt.kind === "embedded" ? (mqtt.host ?? "127.0.0.1") : new URL(mqtt.url).hostname;
  return isLoopbackName(mqttHost) && (http === null || isLoopbackName(httpHost));
}

function ownPageFolder(): string {
  return fileURLToPath(new URL("../web/dist", import.meta.url));
}

/**
 * Tells listeners of changes, a few times a second at most. By the machine's own timers: people read in real time, whatever
 * the hub's clock says.
 */
function createStateTeller(tell: () => void): { changed(): void; stop(): void } {
  let timer: ReturnType<typeof setTimeout> | null = null;
  return {
    changed() {
      timer ??= setTimeout(() => {
        timer = null;
        tell();
      }, STATE_INTERVAL_MS);
    },
    stop() {
      if (timer !== null) clearTimeout(timer);
      timer = null;
    },
  };
}
