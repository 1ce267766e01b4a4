import { randomBytes } from "node:crypto";
import { Socket } from "node:net";
import mqtt, { type IPublishPacket, type MqttClient } from "mqtt";
import { backoffMs, RECONNECT } from "./backoff.ts";
import { brokerAddress } from "./broker-address.ts";
import type { Clock } from "./clock.ts";
import { connectTcp } from "./connect-tcp.ts";
import { FerryError, messageOf } from "./ferry-error.ts";
import type { Log } from "./log.ts";

/** One MQTT session after another: MQTT 3.1.1, clean, reconnecting for as long as the link is open. */
export interface MqttLink extends AsyncDisposable {
  /** The present connection's random id, matching a will to its birth; undefined while there is no connection. */
  readonly session: string | undefined;
  /**
   * Resolves when the broker has it (QoS 1) or the socket took it (QoS 0). Nothing is queued for a later connection:
   * rejects with the code `offline` without one or when it breaks, `busy` when PUBLISHES_WAITING_MAX (QoS 1) or
   * SOCKET_WAITING_BYTES_MAX (QoS 0) wait already.
   */
  readonly publish: (topic: string, payload: Uint8Array | string, options: PublishOptions) => Promise<void>;
  /** What this link has carried since it was opened. */
  readonly traffic: () => LinkTraffic;
  /** Takes effect at once where connected, and again after each reconnect. At most SUBSCRIPTIONS_MAX in all. */
  readonly subscribe: (topic: string, qos: 0 | 1) => Promise<void>;
  readonly unsubscribe: (topic: string) => Promise<void>;
}

/** Bytes of TCP, so with MQTT's and TLS's own; without the headers of TCP and IP, which are 40 to 72 bytes a packet. */
export interface LinkTraffic {
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** Connections that came to stand. */
  readonly connections: number;
  /** The least time that a QoS 1 publish took to be acknowledged in this connection; undefined before the first. */
  readonly roundTripMs: number | undefined;
}

export interface PublishOptions {
  readonly qos: 0 | 1;
  readonly retain?: boolean;
}

export interface Will {
  readonly topic: string;
  readonly payload: string;
}

/** PEM texts for mutual TLS. */
export interface TlsCredentials {
  /** Whose certificates the broker may show; its name or address must stand in the certificate. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export interface MqttLinkOptions {
  /** `mqtts://host:port`, or `mqtt://host:port` without protection. */
  readonly url: string;
  /** Needed for `mqtts:`. Asked for at each connect, so that a renewed certificate is used from then on. */
  readonly tls?: (() => TlsCredentials) | undefined;
  readonly clientId: string;
  readonly keepAliveSeconds: number;
  /** What the broker publishes (QoS 1, retained) when the session of this id breaks; also said on a clean close. */
  readonly will?: (session: string) => Will;
  /** Subscribed in one SUBSCRIBE on each connect. */
  readonly subscriptions: ReadonlyMap<string, 0 | 1>;
  /** After each connect, when the subscriptions stand. */
  readonly onConnect: (session: string) => void;
  readonly onDisconnect?: () => void;
  /**
   * A promise holds back everything that the broker says until it settles: back-pressure. So it must not wait for a
   * QoS 1 publish, whose acknowledgement is held back too.
   */
  readonly onMessage: (topic: string, payload: Uint8Array) => void | Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
}

/** HiveMQ disconnects beyond 10; mqtt.js has no limit of its own. */
const QOS1_IN_FLIGHT_MAX = 8;
/** Each waiting publish holds its payload: with publishes of at most 64 kB this bounds the memory at 16 MB. */
const PUBLISHES_WAITING_MAX = 256;
/** What a broker that reads slowly leaves in the socket: answers to 100,000 devices at once are as much. */
const SOCKET_WAITING_BYTES_MAX = 16 * 1024 ** 2;
/** Brokers in the cloud allow 8 in one SUBSCRIBE and 50 in all. */
const SUBSCRIPTIONS_MAX = 8;
const CONNECT_TIMEOUT_MS = 10_000;
/** A connection that held this long was a good one: the next failure starts the backoff from its beginning. */
const STABLE_AFTER_MS = 10_000;

/** Opens the link and returns at once; the first connection is made in the background. */
export function openMqttLink(options: MqttLinkOptions): MqttLink {
  const { clock, log } = options;
  const closing = new AbortController();
  const isClosing = () => closing.signal.aborted;
  const subscriptions = new Map(options.subscriptions);
  const slots = new Semaphore(QOS1_IN_FLIGHT_MAX, PUBLISHES_WAITING_MAX);
  let current: Connection | undefined;
  /** Of connections that are over. */
  const ended = { sentBytes: 0, receivedBytes: 0 };
  let wire: Socket | undefined;
  let connections = 0;
  let roundTripMs: number | undefined;

  async function keepConnected(): Promise<void> {
    for (let attempt = 0; !isClosing(); attempt += 1) {
      const startedMs = clock.monotonicMs();
      await connectOnce();
      if (isClosing()) return;
      if (clock.monotonicMs() - startedMs > STABLE_AFTER_MS) attempt = 0;
      await clock.sleep(backoffMs(RECONNECT, attempt, Math.random), closing.signal);
    }
  }

  /** Resolves when the connection has ended, however it ended. */
  async function connectOnce(): Promise<void> {
    const session = randomBytes(8).toString("hex");
    const will = options.will?.(session);
    let beneathTls: Socket | undefined;
    try {
      beneathTls =
        options.tls === undefined ? undefined : await connectTcp(options.url, CONNECT_TIMEOUT_MS, closing.signal);
    } catch (error) {
      if (!isClosing())
        log.warn({ url: options.url, reason: messageOf(error) }, "cannot reach the broker; trying again");
      return;
    }
    // A URL the library would parse with what Node.js has deprecated (DEP0169), and a packaged program would say so at each start.
    const client = mqtt.connect({
      ...brokerAddress(options.url),
      clientId: options.clientId,
      protocolVersion: 4,
      clean: true,
      keepalive: options.keepAliveSeconds,
      connectTimeout: CONNECT_TIMEOUT_MS,
      // Each connection is a session of its own with its own will, so this file reconnects, not the library.
      reconnectPeriod: 0,
      resubscribe: false,
      queueQoSZero: false,
      timerVariant: "native",
      ...(options.tls === undefined
        ? {}
        : { ...options.tls(), rejectUnauthorized: true, minVersion: "TLSv1.2" as const, socket: beneathTls }),
      ...(will === undefined
        ? {}
        : { will: { ...will, payload: Buffer.from(will.payload), qos: 1 as const, retain: true } }),
    });
    // Under TLS too the bytes are counted where they meet the network.
    wire = beneathTls ?? (client.stream instanceof Socket ? client.stream : undefined);
    // The library listens once for each publish that the socket holds back; SOCKET_WAITING_BYTES_MAX bounds them.
    client.stream.setMaxListeners(0);
    // The library's own event loses back-pressure; this hook is what it calls before it reads the next packet.
    client.handleMessage = (packet: IPublishPacket, done) => {
      const payload = typeof packet.payload === "string" ? Buffer.from(packet.payload) : packet.payload;
      deliver(packet.topic, payload).then(
        () => {
          done();
        },
        (error: unknown) => {
          log.error({ topic: packet.topic, error: messageOf(error) }, "a message handler failed");
          done();
        },
      );
    };
    let reason: string | undefined;
    client.on("error", (error) => {
      reason = messageOf(error);
      log.debug({ error: messageOf(error) }, "mqtt error");
    });
    const closed = new Promise<void>((resolve) =>
      client.once("close", () => {
        resolve();
      }),
    );
    client.once("connect", () => void begin(client, session));
    const stop = () => {
      void end(client, will);
    };
    closing.signal.addEventListener("abort", stop, { once: true });
    await closed;
    closing.signal.removeEventListener("abort", stop);
    client.end(true);
    ended.sentBytes += wire?.bytesWritten ?? 0;
    ended.receivedBytes += wire?.bytesRead ?? 0;
    wire = undefined;
    if (current?.client === client) {
      current = undefined;
      log.warn({ url: options.url }, "connection to the broker lost");
      options.onDisconnect?.();
    } else if (!isClosing()) {
      log.warn({ url: options.url, reason }, "cannot reach the broker; trying again");
    }
  }

  async function deliver(topic: string, payload: Uint8Array): Promise<void> {
    await options.onMessage(topic, payload);
  }

  async function begin(client: MqttClient, session: string): Promise<void> {
    // A QoS 1 round trip takes 91 ms with Nagle's algorithm and 0.11 ms without.
    if (client.stream instanceof Socket) client.stream.setNoDelay(true);
    wire?.setNoDelay(true);
    try {
      const map = Object.fromEntries([...subscriptions].map(([topic, qos]) => [topic, { qos }]));
      if (subscriptions.size > 0) await client.subscribeAsync(map);
    } catch (error) {
      log.warn({ error: messageOf(error) }, "the broker refused the subscriptions");
      client.end(true);
      return;
    }
    if (!client.connected) return;
    const onTheWay = new OnTheWay();
    current = { client, session, onTheWay };
    client.once("close", () => {
      onTheWay.reject(offline(options.url));
    });
    connections += 1;
    roundTripMs = undefined;
    log.info({ url: options.url, session }, "connected to the broker");
    options.onConnect(session);
  }

  async function end(client: MqttClient, will: Will | undefined): Promise<void> {
    if (client.connected && will !== undefined) {
      // A clean DISCONNECT discards the will: say it ourselves, but never wait long for a dead broker.
      const said = client.publishAsync(will.topic, will.payload, { qos: 1, retain: true }).catch(() => undefined);
      await Promise.race([said, clock.sleep(1_000)]);
    }
    client.end(false);
    await clock.sleep(500);
    client.end(true);
  }

  const running = keepConnected();
  return {
    get session() {
      return current?.session;
    },
    publish: async (topic, payload, { qos, retain = false }) => {
      using _slot = qos === 1 ? await slots.acquire() : undefined;
      if (current?.client.connected !== true) throw offline(options.url);
      const { client, onTheWay } = current;
      if (qos === 0 && client.stream.writableLength > SOCKET_WAITING_BYTES_MAX)
        throw new FerryError("busy", `${SOCKET_WAITING_BYTES_MAX} bytes already wait for the broker`);
      const bytes =
        typeof payload === "string" ? payload : Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
      const startedMs = clock.monotonicMs();
      await onTheWay.settled(client.publishAsync(topic, bytes, { qos, retain }));
      if (qos === 1) roundTripMs = Math.min(roundTripMs ?? Infinity, clock.monotonicMs() - startedMs);
    },
    traffic: () => ({
      sentBytes: ended.sentBytes + (wire?.bytesWritten ?? 0),
      receivedBytes: ended.receivedBytes + (wire?.bytesRead ?? 0),
      connections,
      roundTripMs,
    }),
    subscribe: async (topic, qos) => {
      if (!subscriptions.has(topic) && subscriptions.size >= SUBSCRIPTIONS_MAX) {
        throw new FerryError("busy", `Already subscribed to ${SUBSCRIPTIONS_MAX} topics`);
      }
      subscriptions.set(topic, qos);
      await current?.onTheWay.settled(current.client.subscribeAsync(topic, { qos }));
    },
    unsubscribe: async (topic) => {
      subscriptions.delete(topic);
      await current?.onTheWay.settled(current.client.unsubscribeAsync(topic));
    },
    [Symbol.asyncDispose]: async () => {
      closing.abort();
      await running;
    },
  };
}

function offline(url: string): FerryError {
  return new FerryError("offline", `There is no connection to the broker ${url}`, { exitCode: 5 });
}

interface Connection {
  readonly client: MqttClient;
  readonly session: string;
  readonly onTheWay: OnTheWay;
}

/** What one connection was asked to do: when it breaks, mqtt.js settles that late, with an error of its own, or never. */
class OnTheWay {
  readonly #rejects = new Set<(error: FerryError) => void>();

  async settled(work: Promise<unknown>): Promise<void> {
    const broken = Promise.withResolvers<never>();
    this.#rejects.add(broken.reject);
    try {
      await Promise.race([work, broken.promise]);
    } finally {
      this.#rejects.delete(broken.reject);
    }
  }

  reject(error: FerryError): void {
    for (const reject of this.#rejects) reject(error);
  }
}

class Semaphore {
  #free: number;
  readonly #waiting: (() => void)[] = [];
  readonly #waitingMax: number;

  constructor(free: number, waitingMax: number) {
    this.#free = free;
    this.#waitingMax = waitingMax;
  }

  async acquire(): Promise<Disposable> {
    if (this.#free > 0) this.#free -= 1;
    else {
      if (this.#waiting.length >= this.#waitingMax)
        throw new FerryError("busy", `${this.#waitingMax} messages already wait to be sent`);
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    return {
      [Symbol.dispose]: () => {
        this.#release();
      },
    };
  }

  #release(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free += 1;
    else next();
  }
}
