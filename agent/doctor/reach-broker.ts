/** The way to the broker, step by step, so that whoever reads it knows where it ends. */
import { once } from "node:events";
import { lookup } from "node:dns/promises";
import { connect as connectTls } from "node:tls";
import { brokerAddress } from "../../common/broker-address.ts";
import { systemClock } from "../../common/clock.ts";
import { connectTcp } from "../../common/connect-tcp.ts";
import { messageOf } from "../../common/ferry-error.ts";
import { openLog } from "../../common/log.ts";
import { openMqttLink, type TlsCredentials } from "../../common/mqtt-link.ts";
import type { BrokerFact } from "./facts.ts";

/** Of each step: a satellite link takes two seconds for a handshake. */
const STEP_MS_MAX = 8_000;

export interface BrokerToReach {
  readonly url: string;
  readonly clientId: string;
  readonly tls: TlsCredentials | undefined;
}

/** Connects as this device does, says nothing, and leaves. */
export async function reachBroker({ url, clientId, tls }: BrokerToReach): Promise<BrokerFact> {
  const { host } = brokerAddress(url);
  const failed = (step: "dns" | "tcp" | "tls" | "mqtt", thrown: unknown): BrokerFact => {
    return { kind: "failed", url, step, why: messageOf(thrown).split("\n", 1)[0] ?? "" };
  };
  try {
    await lookup(host);
  } catch (thrown) {
    return failed("dns", thrown);
  }
  const signal = AbortSignal.timeout(STEP_MS_MAX);
  let socket;
  try {
    socket = await connectTcp(url, STEP_MS_MAX, signal);
  } catch (thrown) {
    return failed("tcp", thrown);
  }
  try {
    if (tls !== undefined) {
      const secured = connectTls({ socket, host, servername: /^[\d.:]+$/.test(host) ? "" : host, ...tls });
      await once(secured, "secureConnect", { signal: AbortSignal.timeout(STEP_MS_MAX) });
    }
  } catch (thrown) {
    return failed("tls", thrown);
  } finally {
    socket.destroy();
  }
  let refusal: string | undefined;
  // The link tells in its log why a connection did not come to stand.
  const log = openLog("doctor", "warn", (line) => (refusal ??= reasonIn(line)));
  const connected = Promise.withResolvers<undefined>();
  await using _link = openMqttLink({
    url,
    tls: tls && (() => tls),
    clientId,
    keepAliveSeconds: 60,
    subscriptions: new Map(),
    onConnect: () => {
      connected.resolve(undefined);
    },
    onMessage: () => undefined,
    clock: systemClock,
    log,
  });
  const late = once(AbortSignal.timeout(STEP_MS_MAX), "abort").then(() => "late" as const);
  const outcome = await Promise.race([connected.promise, late]);
  if (outcome === undefined) return { kind: "reached", url, isProtected: tls !== undefined };
  return failed("mqtt", new Error(refusal ?? "it does not take the connection"));
}

function reasonIn(line: string): string | undefined {
  const said: unknown = JSON.parse(line);
  return typeof said === "object" && said !== null && "reason" in said ? String(said.reason) : undefined;
}
