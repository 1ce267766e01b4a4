/** The way to the broker, step by step, so that whoever reads it knows where it ends. */
import { once } from "node:events";
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { connect as connectTls } from "node:tls";
import { brokerAddress } from "../../common/broker-address.ts";
import { systemClock } from "../../common/clock.ts";
import { connectTcp } from "../../common/connect-tcp.ts";
import { messageOf, systemCodeOf } from "../../common/ferry-error.ts";
import { openLog } from "../../common/log.ts";
import { openMqttLink, type TlsCredentials } from "../../common/mqtt-link.ts";
import type { BrokerFact, BrokerStep } from "./facts.ts";

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
  const failed = (step: BrokerStep, thrown: unknown): BrokerFact => {
    return { kind: "failed", url, step, why: inShort(thrown) };
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
      const secured = connectTls({ socket, host, servername: isIP(host) === 0 ? host : "", ...tls });
      await once(secured, "secureConnect", { signal: AbortSignal.timeout(STEP_MS_MAX) });
    }
  } catch (thrown) {
    const step = tlsStep(thrown);
    return failed(step, step === "tls-name" ? otherName(host, thrown) : thrown);
  } finally {
    socket.destroy();
  }
  const refused = Promise.withResolvers<string>();
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
    // The link tells in its log why a connection did not come to stand.
    log: openLog("doctor", "warn", (line) => {
      refused.resolve(reasonIn(line) ?? "it ends the connection at once");
    }),
  });
  const late = once(AbortSignal.timeout(STEP_MS_MAX), "abort").then(() => "it does not answer");
  const why = await Promise.race([connected.promise, refused.promise, late]);
  if (why === undefined) return { kind: "reached", url, isProtected: tls !== undefined };
  // TLS 1.3: what the broker thinks of this device's certificate comes after the handshake.
  return failed(isAlert(why) ? "tls-device" : "mqtt", new Error(why));
}

const UNKNOWN_ISSUER = [
  "SELF_SIGNED_CERT_IN_CHAIN",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "CERT_SIGNATURE_FAILURE",
];

/** By the codes of Node.js (errors.html#ERR_TLS_CERT_ALTNAME_INVALID) and of OpenSSL (X509_verify_cert_error_string). */
function tlsStep(thrown: unknown): BrokerStep {
  const code = systemCodeOf(thrown) ?? "";
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") return "tls-name";
  if (code === "CERT_HAS_EXPIRED" || code === "CERT_NOT_YET_VALID") return "tls-time";
  if (UNKNOWN_ISSUER.includes(code)) return "tls-authority";
  return isAlert(messageOf(thrown)) ? "tls-device" : "tls";
}

/** Of an error of OpenSSL its reason, without the places in its sources. */
function inShort(thrown: unknown): string {
  const reason = thrown instanceof Error && "reason" in thrown ? thrown.reason : undefined;
  return typeof reason === "string" ? reason : (messageOf(thrown).split("\n", 1)[0] ?? "");
}

/** Node.js leaves out the names of a certificate that is asked for an address, and the addresses where it is a name. */
function otherName(host: string, thrown: unknown): unknown {
  const cert = thrown instanceof Error && "cert" in thrown ? thrown.cert : undefined;
  const names =
    typeof cert === "object" && cert !== null && "subjectaltname" in cert ? String(cert.subjectaltname) : "";
  return names === "" ? thrown : new Error(`its certificate is for ${names}, and not for ${host}`);
}

/** RFC 8446, 6.2: the other side ended the connection, and says why. */
function isAlert(why: string): boolean {
  return /\balert\b/i.test(why);
}

function reasonIn(line: string): string | undefined {
  const said: unknown = JSON.parse(line);
  return typeof said === "object" && said !== null && "reason" in said ? String(said.reason) : undefined;
}
