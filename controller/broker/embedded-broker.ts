import type { X509Certificate } from "node:crypto";
import { createServer, isIP, Socket, type Server } from "node:net";
import { createServer as createTlsServer, TLSSocket, type Server as TlsServer } from "node:tls";
import { Aedes, type Client } from "aedes";
import { FerryError, messageOf, systemCodeOf } from "../../common/ferry-error.ts";
import type { Log } from "../../common/log.ts";
import { isId } from "../../protocol/ids.ts";
import { CONTROLLER_CLIENT, mayPublish, maySubscribe, parsedOrUndefined } from "./access.ts";
import { PacketMeter } from "./packet-meter.ts";
import { RetainedBound } from "./retained-bound.ts";

/** One MQTT packet; as large as the smallest broker of the cloud (AWS IoT) takes. Publishes here are at most 64 kB. */
export const PACKET_BYTES_MAX = 128 * 1024;
/** One machine's fleet: 2,000 sockets of which some are slow is what the memory of a small server carries. */
const CONNECTIONS_MAX = 2_000;
/** A device needs 8; the rest is for tools that watch. */
const SUBSCRIPTIONS_PER_CLIENT_MAX = 64;
/** From the connection to its CONNECT packet. */
const CONNECT_TIMEOUT_MS = 10_000;
/** A client that shows no life for longer costs its buffers for longer: metered links use 20 minutes. */
const KEEP_ALIVE_SECONDS_MAX = 1_800;
/** The socket buffer at which a write blocks the broker's whole queue: far above what is ever let into it. */
const SOCKET_BUFFER_BYTES = 8 * 1024 ** 2;
/** Waiting for one client, beyond which it gets no bulk frames: they are repaired later, and others must not wait. */
const BULK_WAITING_BYTES_MAX = 4 * 1024 ** 2;
/** A client that takes nothing for so long while its buffer is full is disconnected. */
const DRAIN_TIMEOUT_MS = 5_000;
/** Messages on their way through the broker at once; with aedes' 100, one slow client stalls all. */
const CONCURRENCY = 1_000;
/** Modelferry's own topics have at most 6. */
const TOPIC_LEVELS_MAX = 10;

export interface EmbeddedBrokerOptions {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** Without it the broker speaks plain MQTT, and knows its clients only by the id they give. */
  readonly tls?: BrokerTls | undefined;
  readonly log: Log;
}

export interface BrokerTls {
  /** The broker's certificate and key, PEM. */
  readonly identity: { readonly cert: string; readonly key: string };
  /** Who issues clients' certificates, PEM. */
  readonly ca: string;
  /** Whose a client's certificate is, which TLS has verified; undefined: nobody's. */
  readonly clientOf: (certificate: X509Certificate) => CertifiedClient | undefined;
}

export interface CertifiedClient {
  /** The certificate's common name. */
  readonly name: string;
  /** As of the question. */
  readonly isRevoked: boolean;
}

export interface EmbeddedBroker extends AsyncDisposable {
  /** `mqtts://host:port` (`mqtt:` without TLS), for clients on this machine. */
  readonly url: string;
  readonly port: number;
  readonly stats: () => BrokerStats;
  /** Ends the connections whose certificate is revoked. */
  readonly endRevoked: () => void;
  /** For connections from then on. */
  readonly useIdentity: (identity: BrokerTls["identity"]) => void;
}

export interface BrokerStats {
  readonly connections: number;
  readonly retainedTopics: number;
  readonly retainedBytes: number;
  /** Bulk frames that were not given to a client because too much waited for it. */
  readonly bulkSkipped: number;
  /** Connections that were ended, and publishes or subscriptions that were refused. */
  readonly refused: number;
}

/**
 * An MQTT 3.1.1 broker in this process, so that nothing must be installed to start. It holds no sessions beyond a
 * connection. With TLS a client is who its certificate names, and its client id must be that name; without, whoever it
 * says it is (see access.ts). Throws FerryError: `port-taken`, `listen-failed`.
 */
export async function openEmbeddedBroker({ host, port, tls, log }: EmbeddedBrokerOptions): Promise<EmbeddedBroker> {
  const retained = new RetainedBound();
  const subscriptions = new WeakMap<Client, Set<string>>();
  let bulkSkipped = 0;
  let refused = 0;
  const refuse = (client: string, what: string) => {
    refused += 1;
    log.warn({ client, what }, "the broker refused a client");
  };

  const aedes = await Aedes.createBroker({
    concurrency: CONCURRENCY,
    drainTimeout: DRAIN_TIMEOUT_MS,
    connectTimeout: CONNECT_TIMEOUT_MS,
    keepaliveLimit: KEEP_ALIVE_SECONDS_MAX,
    maxTopicLevels: TOPIC_LEVELS_MAX,
    preConnect: (_client, packet, done) => {
      // A session that outlives its connection is a queue without bound: every session is a clean one.
      packet.clean = true;
      done(null, true);
    },
    authenticate: (client, _username, _password, done) => {
      const why = whyUnknown(client, tls);
      if (why === undefined) {
        done(null, true);
        return;
      }
      refuse(client.id, why);
      // CONNACK with return code 5, not authorized.
      done(null, false);
    },
    authorizePublish: (client, packet, done) => {
      if (client !== null && !mayPublish(client.id, packet.topic)) {
        refuse(client.id, `may not publish ${packet.topic}`);
        done(new Error("not authorized"));
        return;
      }
      if (packet.retain && !retained.admit(packet.topic, packet.payload.length)) {
        // Nothing depends on a retained message: it still goes to those who listen.
        refuse(client?.id ?? "", `too much is retained already: ${packet.topic} is passed on but not kept`);
        packet.retain = false;
      }
      done(null);
    },
    authorizeSubscribe: (client, subscription, done) => {
      const held = subscriptions.get(client) ?? new Set<string>();
      const isAllowed = maySubscribe(client.id, subscription.topic) && held.size < SUBSCRIPTIONS_PER_CLIENT_MAX;
      if (isAllowed) subscriptions.set(client, held.add(subscription.topic));
      else refuse(client.id, `may not subscribe ${subscription.topic}`);
      done(null, isAllowed ? subscription : null);
    },
    authorizeForward: (client, packet) => {
      if (client.conn.writableLength <= BULK_WAITING_BYTES_MAX || !isBulk(packet.topic)) return packet;
      bulkSkipped += 1;
      return null;
    },
  });
  const logFailure = (client: Client, error: Error) => {
    log.debug({ client: client.id, error: error.message }, "a connection to the broker failed");
  };
  aedes.on("unsubscribe", (filters, client) => {
    for (const filter of filters) subscriptions.get(client)?.delete(filter);
  });
  aedes.on("clientError", logFailure);
  aedes.on("connectionError", logFailure);

  const sockets = new Set<Socket>();
  const accept = (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    meterReads(socket, () => {
      refuse(socket.remoteAddress ?? "", `a packet of more than ${PACKET_BYTES_MAX} bytes`);
    });
    aedes.handle(socket);
  };
  const server = tls === undefined ? createServer(SOCKETS, accept) : openTls(tls, accept, refuse);
  server.maxConnections = CONNECTIONS_MAX;
  server.on("drop", () => {
    refuse("", `more than ${CONNECTIONS_MAX} connections`);
  });

  try {
    await listen(server, host, port);
  } catch (error) {
    await closeAedes(aedes);
    throw cannotListen(host, port, error);
  }
  const address = server.address();
  const boundPort = typeof address === "object" && address !== null ? address.port : port;
  if (tls === undefined && !isLoopback(host)) {
    log.warn({ host }, "the broker listens beyond this machine, and knows its clients only by the id they give");
  }

  return {
    url: `${tls === undefined ? "mqtt" : "mqtts"}://${urlHost(host)}:${String(boundPort)}`,
    port: boundPort,
    stats: () => ({
      connections: sockets.size,
      retainedTopics: retained.topics,
      retainedBytes: retained.bytes,
      bulkSkipped,
      refused,
    }),
    endRevoked: () => {
      for (const socket of sockets) {
        const client = tls === undefined ? undefined : certifiedClient(socket, tls);
        if (client?.isRevoked !== true) continue;
        refuse(client.name, "its certificate is revoked");
        socket.destroy();
      }
    },
    useIdentity: (identity) => {
      if (tls !== undefined && "setSecureContext" in server)
        server.setSecureContext({ ...identity, ca: tls.ca, ...TLS });
    },
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise<void>((resolve) =>
        server.close(() => {
          resolve();
        }),
      );
      await closeAedes(aedes);
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

const SOCKETS = { noDelay: true, highWaterMark: SOCKET_BUFFER_BYTES } as const;
const TLS = { minVersion: "TLSv1.2" } as const;
/** TLS and its two or three round trips. */
const HANDSHAKE_MS_MAX = 10_000;

function openTls(
  { identity, ca }: BrokerTls,
  accept: (socket: Socket) => void,
  refuse: (client: string, what: string) => void,
): TlsServer {
  const required = { requestCert: true, rejectUnauthorized: true, handshakeTimeout: HANDSHAKE_MS_MAX };
  const server = createTlsServer({ ...SOCKETS, ...TLS, ...required, ...identity, ca }, (socket) => {
    widen(socket);
    accept(socket);
  });
  server.on("tlsClientError", (error, socket) => {
    refuse(socket.remoteAddress ?? "", `the TLS handshake failed: ${error.message}`);
    socket.destroy();
  });
  return server;
}

/** A TLS server does not hand on the size of its sockets' buffers: whoever writes is told to wait only when 8 MB wait. */
function widen(socket: TLSSocket): void {
  const write = socket.write.bind(socket) as (...args: unknown[]) => boolean;
  socket.write = (...args: unknown[]) => write(...args) || socket.writableLength < SOCKET_BUFFER_BYTES;
}

function certifiedClient(socket: unknown, tls: BrokerTls): CertifiedClient | undefined {
  if (!(socket instanceof TLSSocket)) return undefined;
  const certificate = socket.getPeerX509Certificate();
  return certificate === undefined ? undefined : tls.clientOf(certificate);
}

/** Why a client is not who it says it is; undefined where it is. */
function whyUnknown(client: Client, tls: BrokerTls | undefined): string | undefined {
  if (tls === undefined) {
    if (client.id !== CONTROLLER_CLIENT || isFromThisMachine(client)) return undefined;
    return `only a program on this machine may be ${CONTROLLER_CLIENT}`;
  }
  const certified = certifiedClient(client.conn, tls);
  if (certified === undefined || !isId(certified.name)) return "its certificate names nobody who may connect";
  if (certified.isRevoked) return `the certificate of ${certified.name} is revoked`;
  if (client.id !== certified.name) return `its certificate is that of ${certified.name}`;
  return undefined;
}

/** aedes takes its bytes with `read()`: what the meter does not accept, it never sees. */
function meterReads(socket: Socket, onRefused: () => void): void {
  const meter = new PacketMeter(PACKET_BYTES_MAX);
  const read = socket.read.bind(socket);
  socket.read = (size?: number): unknown => {
    const chunk: unknown = read(size);
    if (!(chunk instanceof Uint8Array) || meter.accepts(chunk)) return chunk;
    onRefused();
    socket.destroy();
    return null;
  };
}

function isBulk(topic: string): boolean {
  const kind = parsedOrUndefined(topic)?.kind;
  return kind === "chunk" || kind === "groupChunk";
}

/** The controller reaches its own broker by loopback, or by an address that is this machine's at both ends. */
function isFromThisMachine(client: Client): boolean {
  if (!(client.conn instanceof Socket)) return false;
  const { remoteAddress = "", localAddress } = client.conn;
  return isLoopback(remoteAddress) || remoteAddress === localAddress;
}

function isLoopback(address: string): boolean {
  const plain = address.replace(/^::ffff:/, "");
  return plain === "localhost" || plain === "::1" || plain.startsWith("127.");
}

/** As a client on this machine writes it: an unspecified address is reached by loopback. */
function urlHost(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  if (host === "::") return "[::1]";
  return isIP(host) === 6 ? `[${host}]` : host;
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

function closeAedes(aedes: Aedes): Promise<void> {
  return new Promise((resolve) => {
    aedes.close(() => {
      resolve();
    });
  });
}

function cannotListen(host: string, port: number, cause: unknown): FerryError {
  if (systemCodeOf(cause) === "EADDRINUSE") {
    return new FerryError("port-taken", `Cannot open the MQTT broker: port ${port} on ${host} is taken`, {
      hint: "Stop the program that listens there, choose another port, or use that broker in place of the embedded one.",
      cause,
    });
  }
  return new FerryError("listen-failed", `Cannot open the MQTT broker on ${host}:${port}: ${messageOf(cause)}`, {
    hint: "Choose an address of this machine, and a port from 1024 up (lower ones need special rights).",
    cause,
  });
}
