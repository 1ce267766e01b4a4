/** What a person told `ferry-agent join`, checked before anything is done. Each mistake is a usage error that says what is allowed. */
import { hostname } from "node:os";
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import { isId, type DeviceId, type FleetId, type Sha256 } from "../../protocol/ids.ts";
import { ID_CHARS_MAX, LABELS_MAX } from "../../protocol/limits.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { looksLikeJoinToken, parseJoinToken, type JoinToken } from "../../protocol/enrol/join-token.ts";
import { checkAgentConfig, DEFAULT_HEARTBEAT_MS, DEFAULT_KEEP_ALIVE_SECONDS, type AgentConfig } from "../config.ts";
import type { EnrolEndpoint } from "../enrol/enrol-connection.ts";
import { dataConfig } from "./data-options.ts";

export interface JoinOptions {
  /** Needed for a broker on this machine; a token says it, and a controller that is asked does. */
  readonly fleet?: string;
  /** The controller that is asked to let the device in, where there is no token, and the SHA-256 of its CA's key. */
  readonly controller?: string;
  readonly caPin?: string;
  readonly rootPin: string;
  readonly id?: string;
  readonly label: readonly string[];
  readonly dir: string;
  readonly httpPort: number;
  readonly httpHost: string;
  /** Other machines may ask without a token. */
  readonly httpUnprotected?: boolean;
  readonly force?: boolean;
  readonly metered?: true;
  /** Bytes of a month. */
  readonly dataBudget?: number;
}

/** How the device gets in. */
export type JoinWay =
  | { readonly kind: "token"; readonly token: JoinToken }
  /** An operator is asked to approve the device's key. */
  | { readonly kind: "approval"; readonly endpoint: EnrolEndpoint; readonly fleet: FleetId | undefined }
  /** A broker without certificates on this machine. */
  | { readonly kind: "loopback"; readonly broker: string; readonly fleet: FleetId };

/** What the device itself decides of its configuration; broker and fleet come with the way. */
export type OwnConfig = Omit<AgentConfig, "broker" | "fleet" | "enrol">;

export interface JoinPlan {
  readonly way: JoinWay;
  readonly own: OwnConfig;
}

/** `address`: a token, or the address of a broker on this machine; undefined where a controller is asked. */
export function planJoin(address: string | undefined, options: JoinOptions): JoinPlan {
  const way = wayOf(address, options);
  const device = way.kind === "token" ? way.token.device : deviceIdOf(options);
  return { way, own: ownConfig(device, options) };
}

function wayOf(address: string | undefined, options: JoinOptions): JoinWay {
  const { controller, caPin } = options;
  if (controller !== undefined || caPin !== undefined) return approvalWay(address, options);
  if (address === undefined) {
    throw usage("usage", "How is the device to join?", {
      hint: "With a token (`ferry device invite` prints one), or with --controller and --ca-pin (`ferry device pending` prints them).",
    });
  }
  if (looksLikeJoinToken(address)) return { kind: "token", token: tokenFrom(address, options) };
  return { kind: "loopback", broker: loopbackBroker(address), fleet: fleetOf(options) };
}

function approvalWay(address: string | undefined, options: JoinOptions): JoinWay {
  const { controller, caPin, fleet } = options;
  if (address !== undefined) {
    throw usage("usage", "A device joins with a token, or asks a controller: not both", {
      hint: "Leave out --controller and --ca-pin, or the token.",
    });
  }
  if (controller === undefined || caPin === undefined) {
    throw usage("usage", "--controller and --ca-pin go together", {
      hint: "The device must know whom it asks: `ferry device pending` prints both, `ferry ca show` the pin.",
    });
  }
  if (!SHA256.test(caPin)) {
    throw usage("bad-ca-pin", `"${caPin}" is not a CA pin: it has 64 hexadecimal digits in lower case`, {
      hint: "`ferry ca show` prints it.",
    });
  }
  const url = URL.canParse(controller) ? new URL(controller) : undefined;
  if (url?.protocol !== "https:" || !["", "/"].includes(url.pathname) || url.search !== "" || url.username !== "") {
    throw usage("bad-controller", `"${controller}" is not the address of an enrolment endpoint`, {
      hint: "Write it like https://ferry.example:8471; `ferry up` prints it as `enrolment`.",
    });
  }
  return {
    kind: "approval",
    endpoint: { url: url.origin, ca: caPin as Sha256 },
    fleet: fleet === undefined ? undefined : fleetOf(options),
  };
}

const SHA256 = /^[0-9a-f]{64}$/;

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

function ownConfig(device: DeviceId, options: JoinOptions): OwnConfig {
  if (!SHA256.test(options.rootPin)) {
    throw usage("bad-root-pin", `"${options.rootPin}" is not a root pin: it has 64 hexadecimal digits in lower case`, {
      hint: "`ferry init` printed it; `ferry up` says it again.",
    });
  }
  const data = dataConfig(options);
  const own: OwnConfig = {
    formatVersion: 1,
    device,
    rootPin: options.rootPin as Sha256,
    labels: labelsFrom(options.label),
    http: {
      host: options.httpHost,
      port: options.httpPort,
      ...(options.httpUnprotected === true ? { unprotected: true } : {}),
    },
    heartbeatMs: DEFAULT_HEARTBEAT_MS,
    keepAliveSeconds: DEFAULT_KEEP_ALIVE_SECONDS,
    ...(data === undefined ? {} : { data }),
  };
  try {
    // With a broker and a fleet that fit: whatever is wrong then is the person's own.
    checkAgentConfig({ ...own, broker: "mqtt://127.0.0.1", fleet: device });
    return own;
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    throw usage("bad-argument", `An argument cannot be used: ${cause.message}`, { cause });
  }
}

/** The controller's own name on the broker, for certificates and for client ids. */
const CONTROLLER_ID = "controller";

function deviceIdOf({ id }: JoinOptions): DeviceId {
  const device = id ?? deviceIdFrom(hostname());
  requireId("device", device, "--id");
  if (device === CONTROLLER_ID) {
    throw usage("bad-id", `A device cannot be called "${device}": that is the controller's own name on the broker`);
  }
  // `requireId` has just checked it.
  return device as DeviceId;
}

function fleetOf({ fleet }: JoinOptions): FleetId {
  if (fleet === undefined) {
    throw usage("usage", "The name of the fleet is missing", { hint: "Add --fleet NAME, as `ferry init` printed it." });
  }
  requireId("fleet", fleet, "--fleet");
  return fleet as FleetId;
}

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

function loopbackBroker(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isBroker = url?.protocol === "mqtt:" || url?.protocol === "mqtts:";
  if (!isBroker || url.hostname === "" || !["", "/"].includes(url.pathname)) {
    throw usage("bad-broker", `"${text}" is neither a join token nor the address of a broker`, {
      hint: "`ferry device invite` prints a token. On the controller's own machine, mqtt://127.0.0.1:PORT will do.",
    });
  }
  if (url.protocol === "mqtt:" && LOOPBACK.test(url.hostname)) return `${url.protocol}//${url.host}`;
  throw new FerryError(
    "not-loopback",
    `Without a token a device joins only on the controller's own machine, not ${text}`,
    {
      hint: "Ask an operator for one (`ferry device invite`), or ask to be let in: --controller URL --ca-pin HEX.",
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

function usage(code: string, message: string, options: { hint?: string; cause?: unknown } = {}): FerryError {
  return new FerryError(code, message, { ...options, exitCode: EXIT.usage });
}
