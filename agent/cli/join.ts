/** `ferry-agent join`: from nothing but an address and a digest to a folder from which an agent runs. */
import type { KeyObject } from "node:crypto";
import { access, mkdir } from "node:fs/promises";
import { hostname } from "node:os";
import { systemClock } from "../../common/clock.ts";
import { EXIT, FerryError, messageOf } from "../../common/ferry-error.ts";
import { createKeyFile, readKeyFile } from "../../common/key-file.ts";
import { openLog } from "../../common/log.ts";
import { openMqttLink } from "../../common/mqtt-link.ts";
import { isId, type DeviceId, type FleetId, type Sha256 } from "../../protocol/ids.ts";
import { DOCUMENT_BYTES_MAX, ID_CHARS_MAX, LABELS_MAX } from "../../protocol/limits.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { looksLikeJoinToken, parseJoinToken, type JoinToken } from "../../protocol/enrol/join-token.ts";
import { fleetTopics } from "../../protocol/topics.ts";
import { sha256 } from "../../protocol/trust/digest.ts";
import { publicKeyFrom } from "../../protocol/trust/keys.ts";
import { acceptFirstRoot } from "../../protocol/trust/root.ts";
import {
  agentFolder,
  checkAgentConfig,
  DEFAULT_HEARTBEAT_MS,
  DEFAULT_KEEP_ALIVE_SECONDS,
  writeAgentConfig,
  type AgentConfig,
  type AgentFolder,
} from "../config.ts";
import { enrol, fetchRoot } from "../enrol/enrol.ts";
import { readCertificate } from "../enrol/own-certificate.ts";
import { writeFileDurably } from "../store/durable-file.ts";

export interface JoinOptions {
  /** Needed without a token, which says it. */
  readonly fleet?: string;
  readonly rootPin: string;
  readonly id?: string;
  readonly label: readonly string[];
  readonly dir: string;
  readonly httpPort: number;
  readonly httpHost: string;
  readonly force?: boolean;
}

export interface Joined {
  readonly directory: string;
  readonly fleet: FleetId;
  readonly device: DeviceId;
  readonly rootDigest: Sha256;
  /** SHA-256 of the device's public key: what an operator compares. */
  readonly keyFingerprint: string;
}

/** A broker on the same continent answers in under a second; a controller that has just started publishes within two. */
const ROOT_WAIT_MS = 10_000;

/** Nothing is written before the root has been checked against the pin. Throws FerryError. */
export async function join(address: string, options: JoinOptions): Promise<Joined> {
  const folder = agentFolder(options.dir);
  const token = looksLikeJoinToken(address) ? tokenFrom(address, options) : undefined;
  if (token === undefined) requireLoopback(address);
  const planned = token === undefined ? configFrom(address, options) : configFromToken(token, options);
  if (options.force !== true) await refuseExisting(folder);
  const rootBytes = token === undefined ? await fetchFirstRoot(planned) : await fetchRoot(token);
  const root = acceptPinned(rootBytes, planned.rootPin);
  await mkdir(folder.directory, { recursive: true, mode: 0o700 });
  const key = await deviceKey(folder);
  const config = token === undefined ? planned : await enrolled(token, planned, folder, key);
  await writeFileDurably(folder.firstRoot, rootBytes);
  // Last: an agent has joined when this file is there.
  await writeAgentConfig(folder, config);
  return {
    directory: folder.directory,
    fleet: config.fleet,
    device: config.device,
    rootDigest: root.digest,
    keyFingerprint: publicKeyFrom(key).fingerprint,
  };
}

function tokenFrom(text: string, { fleet, id }: JoinOptions): JoinToken {
  let token: JoinToken;
  try {
    token = parseJoinToken(text);
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    throw usage("bad-token", `The join token cannot be used: ${cause.message}`, {
      hint: "Copy the whole line that `ferry device invite` printed.",
      cause,
    });
  }
  if ((fleet ?? token.fleet) === token.fleet && (id ?? token.device) === token.device) return token;
  throw usage("bad-token", `The token is for ${token.device} of the fleet ${token.fleet}`, {
    hint: "Leave out --id and --fleet, or ask for a token of that name.",
  });
}

function configFromToken(token: JoinToken, options: JoinOptions): AgentConfig {
  const { fleet, device, url } = token;
  // Until the controller says where the broker is; nothing of this is written before it has.
  const config = configFrom(`mqtts://${new URL(url).host}`, { ...options, fleet, id: device });
  return { ...config, enrol: { url } };
}

/** Spends the token. What it leaves in the folder is of no use without `agent.json`. */
async function enrolled(
  token: JoinToken,
  planned: AgentConfig,
  folder: AgentFolder,
  key: KeyObject,
): Promise<AgentConfig> {
  const { certificate, ca, broker } = await enrol(token, key);
  if (authorityDigest(ca) !== token.ca) {
    throw new FerryError("enrol-wrong-answer", "The controller answered with another CA than the token names", {
      hint: "Ask for a new token; if it happens again, the controller is not to be trusted.",
      exitCode: EXIT.notAllowed,
    });
  }
  await writeFileDurably(folder.authority, ca);
  await writeFileDurably(folder.certificate, certificate);
  return checkAgentConfig({ ...planned, broker });
}

function authorityDigest(pem: string): string | undefined {
  const key = readCertificate(pem)?.publicKey;
  return key === undefined ? undefined : sha256(key.export({ type: "spki", format: "der" }));
}

function configFrom(broker: string, options: JoinOptions): AgentConfig {
  const device = options.id ?? deviceIdFrom(hostname());
  if (options.fleet === undefined) {
    throw usage("usage", "The name of the fleet is missing", { hint: "Add --fleet NAME, as `ferry init` printed it." });
  }
  requireId("fleet", options.fleet, "--fleet");
  requireId("device", device, "--id");
  if (device === CONTROLLER_ID) {
    throw usage("bad-id", `A device cannot be called "${device}": that is the controller's own name on the broker`);
  }
  if (!/^[0-9a-f]{64}$/.test(options.rootPin)) {
    throw usage("bad-root-pin", `"${options.rootPin}" is not a root pin: it has 64 hexadecimal digits in lower case`, {
      hint: "`ferry init` printed it; `ferry up` says it again.",
    });
  }
  try {
    return checkAgentConfig({
      formatVersion: 1,
      broker: brokerUrl(broker),
      fleet: options.fleet,
      device,
      rootPin: options.rootPin,
      labels: labelsFrom(options.label),
      http: { host: options.httpHost, port: options.httpPort },
      heartbeatMs: DEFAULT_HEARTBEAT_MS,
      keepAliveSeconds: DEFAULT_KEEP_ALIVE_SECONDS,
    });
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    throw usage("bad-argument", `An argument cannot be used: ${cause.message}`, { cause });
  }
}

/** The embedded broker knows the controller by this client id; see the design's access rules. */
const CONTROLLER_ID = "controller";

function requireId(what: string, id: string, option: string): void {
  if (isId(id)) return;
  throw usage(
    "bad-id",
    `"${id}" cannot be the name of a ${what}: at most ${ID_CHARS_MAX} lower-case letters, digits and hyphens, beginning with a letter or digit`,
    { hint: `Choose another with ${option}.` },
  );
}

/** The part of the host name before the first dot, as far as an id can hold it. */
export function deviceIdFrom(host: string): string {
  const [label = ""] = host.toLowerCase().split(".");
  return label
    .replaceAll(/[^a-z0-9-]+/g, "-")
    .replace(/^-+/, "")
    .slice(0, ID_CHARS_MAX)
    .replace(/-+$/, "");
}

function brokerUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isBroker = url?.protocol === "mqtt:" || url?.protocol === "mqtts:";
  if (!isBroker || url.hostname === "" || !["", "/"].includes(url.pathname)) {
    throw usage("bad-broker", `"${text}" is neither a join token nor the address of a broker`, {
      hint: "`ferry device invite` prints a token. On the controller's own machine, mqtt://127.0.0.1:PORT will do.",
    });
  }
  return `${url.protocol}//${url.host}`;
}

function requireLoopback(text: string): void {
  const url = new URL(brokerUrl(text));
  if (url.protocol === "mqtt:" && LOOPBACK.test(url.hostname)) return;
  throw new FerryError(
    "not-loopback",
    `Without a token a device joins only on the controller's own machine, not ${text}`,
    {
      hint: "Ask an operator for one: `ferry device invite`.",
      exitCode: EXIT.notAllowed,
    },
  );
}

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

function labelsFrom(texts: readonly string[]): Readonly<Record<string, string>> {
  const pairs = texts.map((text) => {
    const match = /^([^=]+)=(.*)$/.exec(text);
    const [, key = "", value = ""] = match ?? [];
    if (!LABEL_TEXT.test(key) || !LABEL_TEXT.test(value)) {
      throw usage("bad-label", `"${text}" is not a label`, {
        hint: "A label is key=value; both have at most 63 letters, digits, dots, hyphens and underscores, and begin and end with a letter or digit.",
      });
    }
    return [key, value] as const;
  });
  if (pairs.length > LABELS_MAX) throw usage("bad-label", `A device has at most ${LABELS_MAX} labels`);
  return Object.fromEntries(pairs);
}

const LABEL_TEXT = /^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/;

async function refuseExisting(folder: AgentFolder): Promise<void> {
  const exists = await access(folder.config).then(
    () => true,
    () => false,
  );
  if (!exists) return;
  throw new FerryError("already-joined", `The agent in ${folder.directory} has joined a fleet already`, {
    hint: "Run `ferry-agent run` to start it, or join again with --force: the device keeps its key.",
    exitCode: EXIT.conflict,
  });
}

/** The retained root from the broker; nothing about it is believed here. */
async function fetchFirstRoot({ broker, fleet, device }: AgentConfig): Promise<Uint8Array> {
  const topic = fleetTopics(fleet).root(1);
  const received = Promise.withResolvers<Uint8Array>();
  const connection = { isMade: false };
  await using _link = openMqttLink({
    url: broker,
    clientId: device,
    keepAliveSeconds: DEFAULT_KEEP_ALIVE_SECONDS,
    subscriptions: new Map([[topic, 1 as const]]),
    onConnect: () => {
      connection.isMade = true;
    },
    onMessage: (from, payload) => {
      if (from === topic) received.resolve(Uint8Array.from(payload));
    },
    clock: systemClock,
    log: openLog("ferry-agent", "silent"),
  });
  const waiting = new AbortController();
  const bytes = await Promise.race([
    received.promise,
    systemClock.sleep(ROOT_WAIT_MS, waiting.signal).then(() => undefined),
  ]);
  waiting.abort();
  if (bytes !== undefined) return bytes;
  throw connection.isMade ? noRoot(broker, fleet) : unreachable(broker);
}

function acceptPinned(bytes: Uint8Array, pin: Sha256) {
  if (bytes.byteLength <= DOCUMENT_BYTES_MAX && sha256(bytes) !== pin) {
    throw new FerryError(
      "root-pin-mismatch",
      `The broker offers another root than the one that you named: its SHA-256 is ${sha256(bytes)}, --root-pin is ${pin}`,
      {
        hint: "Compare the pin with what `ferry init` printed. If it is right, somebody else answers as this fleet: do not join. Nothing was written.",
        exitCode: EXIT.notAllowed,
      },
    );
  }
  try {
    return acceptFirstRoot(bytes, pin);
  } catch (cause) {
    throw new FerryError("root-refused", `The root that the broker offers cannot be used: ${messageOf(cause)}`, {
      hint: "The owner of the fleet must publish a sound root. Nothing was written.",
      exitCode: EXIT.notAllowed,
      cause,
    });
  }
}

/** A controller knows a device by the first key that it saw: joining again must not change it. */
async function deviceKey(folder: AgentFolder) {
  try {
    return await readKeyFile(folder.key);
  } catch (thrown) {
    if (!(thrown instanceof FerryError) || thrown.code !== "not-found") throw thrown;
    return createKeyFile(folder.key);
  }
}

function unreachable(broker: string): FerryError {
  return new FerryError("broker-unreachable", `Cannot reach the broker ${broker} within ${ROOT_WAIT_MS / 1000} s`, {
    hint: "Is the address right, and is the controller up (`ferry up`)? A firewall may close the port.",
    exitCode: EXIT.unreachable,
  });
}

function noRoot(broker: string, fleet: string): FerryError {
  return new FerryError("no-root", `The broker ${broker} holds no root of a fleet called "${fleet}"`, {
    hint: "Is the controller of this fleet up (`ferry up`), and is --fleet spelt as `ferry init` printed it?",
    exitCode: EXIT.notFound,
  });
}

function usage(code: string, message: string, options: { hint?: string; cause?: unknown } = {}): FerryError {
  return new FerryError(code, message, { ...options, exitCode: EXIT.usage });
}
