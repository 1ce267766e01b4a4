/** The door and the broker of a real controller in this process, a database, and devices that join through them. */
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { join } from "node:path";
import type { Test } from "tap";
import { systemClock, type Clock } from "../../common/clock.ts";
import { openLog } from "../../common/log.ts";
import { openMqttLink, type TlsCredentials } from "../../common/mqtt-link.ts";
import { controllerPaths, type ControllerPaths } from "../../controller/config.ts";
import { openAuthority, type Authority } from "../../controller/enrol/authority.ts";
import type { Enrolments } from "../../controller/enrol/enrolments.ts";
import { openNetwork, type Network } from "../../controller/enrol/open-network.ts";
import { createHome } from "../../controller/new-home.ts";
import { openStore, type Store } from "../../controller/store/store.ts";
import { readRoots } from "../../controller/trust-roots.ts";
import type { DeviceId, Sha256 } from "../../protocol/ids.ts";
import { FLEET } from "./device-views.ts";

export interface EnrolWorld {
  readonly paths: ControllerPaths;
  readonly network: Network;
  readonly enrolments: Enrolments;
  /** Of the door. */
  readonly url: string;
  readonly authority: Authority;
  readonly store: Store;
  readonly rootPin: Sha256;
  /** The controller's clock is ahead of the system's by this. */
  aheadMs: number;
  readonly token: (device: string, lifetimeMs?: number) => Promise<string>;
}

const log = openLog("test", "silent");

export async function openEnrolWorld(t: Test): Promise<EnrolWorld> {
  const paths = controllerPaths(join(t.testdir(), "home"));
  const { config, rootPin } = await createHome(paths, { fleet: FLEET, nowMs: Date.now() });
  const opened = await openStore(paths.database);
  t.teardown(() => opened[Symbol.asyncDispose]());
  const [root] = await readRoots(paths);
  let aheadMs = 0;
  const clock: Clock = { ...systemClock, nowMs: () => Date.now() + aheadMs };
  const network = await openNetwork({
    paths,
    config: { ...config, mqtt: { host: "127.0.0.1", port: 0 }, enrol: { port: 0 } },
    brokerUrl: undefined,
    store: opened.store,
    firstRoot: root?.bytes ?? new Uint8Array(),
    clock,
    log,
  });
  t.teardown(() => network[Symbol.asyncDispose]());
  if (network.enrolment === undefined) throw new Error("with TLS there is enrolment");
  const { enrolments, url } = network.enrolment;
  return {
    paths,
    network,
    enrolments,
    url,
    authority: await openAuthority(paths.authority),
    store: opened.store,
    rootPin,
    get aheadMs() {
      return aheadMs;
    },
    set aheadMs(ms) {
      aheadMs = ms;
    },
    token: async (device, lifetimeMs = 60_000) => (await enrolments.invite(device as DeviceId, lifetimeMs)).token,
  };
}

export function newKey(): KeyObject {
  return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
}

export function keyPem(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "pem" }).toString();
}

export interface Connection extends AsyncDisposable {
  /** Resolves to whether it was ever made, within the time. */
  readonly connected: () => boolean;
  readonly lost: () => number;
  readonly heard: () => readonly string[];
  readonly publish: (topic: string) => Promise<void>;
}

/** A client of the broker that says it is `clientId`, with whatever certificate. */
export function connectAs(
  url: string,
  clientId: string,
  tls: TlsCredentials,
  topics: readonly string[] = [],
): Connection {
  let made = 0;
  let lost = 0;
  const heard: string[] = [];
  const link = openMqttLink({
    url,
    tls: () => tls,
    clientId,
    keepAliveSeconds: 60,
    subscriptions: new Map(topics.map((topic) => [topic, 1])),
    onConnect: () => {
      made += 1;
    },
    onDisconnect: () => {
      lost += 1;
    },
    onMessage: (topic) => {
      heard.push(topic);
    },
    clock: systemClock,
    log,
  });
  return {
    connected: () => made > 0 && link.session !== undefined,
    lost: () => lost,
    heard: () => heard,
    publish: (topic) => link.publish(topic, "x", { qos: 1 }),
    [Symbol.asyncDispose]: () => link[Symbol.asyncDispose](),
  };
}
