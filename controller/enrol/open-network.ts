/** How devices reach the controller: the broker and the enrolment endpoint, with the certificates that both show. */
import type { Clock } from "../../common/clock.ts";
import { messageOf } from "../../common/ferry-error.ts";
import type { Log } from "../../common/log.ts";
import type { TlsCredentials } from "../../common/mqtt-link.ts";
import type { CallerId, Sha256 } from "../../protocol/ids.ts";
import { openEmbeddedBroker, type EmbeddedBroker } from "../broker/embedded-broker.ts";
import { CONTROLLER_CLIENT } from "../broker/access.ts";
import { ENROL_PORT, type ControllerConfig, type ControllerPaths } from "../config.ts";
import type { Store } from "../store/store.ts";
import { openAuthority } from "./authority.ts";
import { readCallers } from "./callers.ts";
import { brokerTls } from "./broker-tls.ts";
import { createEnrolments, type Enrolments } from "./enrolments.ts";
import { openEnrolServer } from "./enrol-server.ts";
import { advertisedHost, serverHosts, urlHost } from "./host-names.ts";

/** A machine's addresses change, and certificates end: both are looked after once a day. */
const RENEW_MS = 24 * 3_600_000;

export interface NetworkOptions {
  readonly paths: ControllerPaths;
  readonly config: ControllerConfig;
  /** A broker that runs by itself; undefined: one in this process. */
  readonly brokerUrl: string | undefined;
  readonly store: Store;
  readonly firstRoot: Uint8Array;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Enrolment {
  readonly enrolments: Enrolments;
  /** Where devices enrol, and the SHA-256 of the CA's key by which they know that endpoint. */
  readonly url: string;
  readonly caPin: Sha256;
  /** Whether a device may ask without a token. */
  readonly isOpen: boolean;
}

export interface Network extends AsyncDisposable {
  /** As the controller itself reaches it. */
  readonly brokerUrl: string;
  /** The controller's own credentials; undefined where there is no TLS. */
  readonly tls: (() => TlsCredentials) | undefined;
  /** Undefined where there is no TLS: then nobody needs to enrol. */
  readonly enrolment: Enrolment | undefined;
  /** Keeps the certificates of the controller's side young. */
  readonly run: (signal: AbortSignal) => Promise<void>;
}

/** Plain MQTT on loopback: for tests, and for a broker on the same machine. */
export async function openLoopbackNetwork({ config, brokerUrl, log }: NetworkOptions): Promise<Network> {
  const broker = brokerUrl === undefined ? await openEmbeddedBroker({ ...config.mqtt, log }) : undefined;
  return {
    brokerUrl: brokerUrl ?? broker?.url ?? "",
    tls: undefined,
    enrolment: undefined,
    run: () => Promise.resolve(),
    [Symbol.asyncDispose]: async () => broker?.[Symbol.asyncDispose](),
  };
}

/** Mutual TLS. Throws FerryError. */
export async function openNetwork(options: NetworkOptions): Promise<Network> {
  const { paths, config, brokerUrl, store, firstRoot, clock, log } = options;
  const listening = { names: config.names ?? [], host: config.mqtt.host };
  const authority = await openAuthority(paths.authority);
  const newServer = () => authority.newServer(serverHosts(listening), clock.nowMs());
  const newOwn = () => authority.newClient(CONTROLLER_CLIENT as CallerId, clock.nowMs());

  await using opened = new AsyncDisposableStack();
  const identity = await newServer();
  let own = await newOwn();
  const broker =
    brokerUrl === undefined
      ? opened.use(await openEmbeddedBroker({ ...config.mqtt, tls: brokerTls(authority, identity), log }))
      : undefined;
  const approval = config.enrol?.approval !== false;
  const enrolUrl = () => `https://${urlHost(advertisedHost(listening))}:${String(enrol.port)}`;
  const enrolments = createEnrolments({
    store,
    authority,
    fleet: config.fleet,
    url: enrolUrl,
    approval,
    readCallers: () => readCallers(paths.authority),
    endRevoked: () => broker?.endRevoked(),
    clock,
  });
  const enrol = opened.use(
    await openEnrolServer({
      host: config.mqtt.host,
      port: config.enrol?.port ?? ENROL_PORT,
      identity,
      fleet: config.fleet,
      authority,
      enrolments,
      firstRoot,
      brokerFor: (host) => brokerUrl ?? brokerUnder(host, listening, broker),
      clock,
      log,
    }),
  );
  const closing = opened.move();
  return {
    brokerUrl: brokerUrl ?? broker?.url ?? "",
    tls: () => ({ ca: authority.certificatePem, cert: own.cert, key: own.key }),
    enrolment: { enrolments, url: enrolUrl(), caPin: authority.keyDigest, isOpen: approval },
    run: async (signal) => {
      for (;;) {
        await clock.sleep(RENEW_MS, signal);
        if (signal.aborted) return;
        try {
          const next = await newServer();
          broker?.useIdentity(next);
          enrol.useIdentity(next);
          own = await newOwn();
        } catch (thrown) {
          log.error({ error: messageOf(thrown) }, "new certificates could not be made; again tomorrow");
        }
      }
    },
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  };
}

/** A device finds the broker under the name by which it has just reached this machine. */
function brokerUnder(
  host: string,
  listening: Parameters<typeof advertisedHost>[0],
  broker: EmbeddedBroker | undefined,
) {
  const name = host === "" ? urlHost(advertisedHost(listening)) : host;
  return `mqtts://${name}:${String(broker?.port ?? 0)}`;
}
