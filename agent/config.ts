/** Where an agent keeps what it knows, and the one file in it that a person may edit. */
import { mkdir, readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { Type, type Static } from "typebox";
import { EXIT, FerryError, messageOf, systemCodeOf } from "../common/ferry-error.ts";
import { DeviceId, FleetId, Labels, Sha256 } from "../protocol/ids.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import { closedObject, gate, parseJson } from "../protocol/schema.ts";
import { writeFileDurably } from "./store/durable-file.ts";

/** What an idle device takes of a metered link in a month: a smaller budget could not be kept. */
export const DATA_MONTH_BYTES_MIN = 3_000_000;

/** `agent.json`: what `ferry-agent join` was told. Unknown fields are refused, so a misspelt one is not silently ignored. */
export const AgentConfig = closedObject({
  formatVersion: Type.Literal(1),
  /** `mqtts://host:port`; `mqtt://` on this machine only. */
  broker: Type.String({ pattern: "^mqtts?://[^/?#\\s]+$", maxLength: 300 }),
  fleet: FleetId,
  device: DeviceId,
  /** SHA-256 of root version 1: what makes every other key believable. */
  rootPin: Sha256,
  /** Where the certificate (`device.crt.pem`) is renewed; absent for a broker without TLS. */
  enrol: Type.Optional(closedObject({ url: Type.String({ pattern: "^https://[^/?#\\s]+$", maxLength: 300 }) })),
  /** The device's own labels; the operator's labels of the same key win. */
  labels: Labels,
  /** Where the local HTTP port listens; port 0 lets the system choose. */
  http: closedObject({
    host: Type.String({ minLength: 1, maxLength: 255 }),
    port: Type.Integer({ minimum: 0, maximum: 65_535 }),
    /** True: other machines may ask without a token. For networks that keep others out themselves. */
    unprotected: Type.Optional(Type.Boolean()),
  }),
  /** How often the device says that it is well. Less often saves bytes, and tells later that it is gone. */
  heartbeatMs: Type.Integer({ minimum: 1_000, maximum: 86_400_000 }),
  /** MQTT keep-alive: 60 s by default, up to 20 minutes on a metered link. */
  keepAliveSeconds: Type.Integer({ minimum: 5, maximum: 1_200 }),
  /** Over how long the distributions of a model's inputs and outputs are summed up; absent: 5 minutes. */
  driftWindowMs: Type.Optional(Type.Integer({ minimum: 1_000, maximum: 86_400_000 })),
  /** What the link may take; absent: as much as there is to tell. */
  data: Type.Optional(
    closedObject({
      /** True: it is paid for by its bytes. Measurements by the hour, heartbeat every two, keep-alive every 20 minutes. */
      metered: Type.Optional(Type.Boolean()),
      /** In a month, both ways: measurements are told less finely so that it lasts. Events and models always go. */
      monthBytes: Type.Optional(Type.Integer({ minimum: DATA_MONTH_BYTES_MIN, maximum: 1e15 })),
    }),
  ),
});
export type AgentConfig = Static<typeof AgentConfig>;

export const DEFAULT_HTTP = { host: "127.0.0.1", port: 8080 } as const;
/** Twice a minute: a device counts as gone after 75 s, and a month of heartbeats is about 100 MB at full size. */
export const DEFAULT_HEARTBEAT_MS = 30_000;
export const DEFAULT_KEEP_ALIVE_SECONDS = 60;

export interface AgentFolder {
  readonly directory: string;
  readonly config: string;
  /** The device's private key, mode 0600; it never leaves. */
  readonly key: string;
  /** The device's certificate; renewed by the agent. */
  readonly certificate: string;
  /** Who issued it, and the broker's: whom the device believes on the network, and about nothing else. */
  readonly authority: string;
  /** Root version 1, from which trust is built again when the database was lost. */
  readonly firstRoot: string;
  /** Trust and update state: every change is on disk before it is acted upon. */
  readonly state: string;
  readonly telemetry: string;
  /** What this month has taken of the link's bytes. */
  readonly dataUse: string;
  /** Partial archives. */
  readonly transfer: string;
  /** Verified bundles, read-only, and the staging place beside them. */
  readonly bundles: string;
  /** What execution providers compiled of those. */
  readonly engines: string;
  /** Which variants of bundles were the fastest here. */
  readonly variants: string;
  /** What callers over HTTP must show; nobody must where there is no such file. */
  readonly httpToken: string;
  /** What the device's administrator shows over HTTP. */
  readonly httpAdminToken: string;
  /** Who runs here and where it listens; there while an agent runs. */
  readonly running: string;
}

export const DEFAULT_DIRECTORY = join(homedir(), ".modelferry-agent");

export function agentFolder(directory: string): AgentFolder {
  const base = resolve(directory);
  const at = (name: string) => join(base, name);
  return {
    directory: base,
    config: at("agent.json"),
    key: at("device.key.pem"),
    certificate: at("device.crt.pem"),
    authority: at("ca.crt.pem"),
    firstRoot: at("root.1.json"),
    state: at("state.db"),
    telemetry: at("telemetry.db"),
    dataUse: at("data-use.json"),
    transfer: at("transfer"),
    bundles: at("bundles"),
    engines: at("engines"),
    variants: at("variants.json"),
    httpToken: at("http.token"),
    httpAdminToken: at("http-admin.token"),
    running: at("running.json"),
  };
}

/** Far more than any configuration needs. */
const CONFIG_BYTES_MAX = 65_536;

const check = gate("agent.json", AgentConfig);

/** Throws FerryError `not-joined` or `config-invalid`. */
export async function readAgentConfig(folder: AgentFolder): Promise<AgentConfig> {
  try {
    return parseJson("agent.json", await readFile(folder.config), CONFIG_BYTES_MAX, check);
  } catch (cause) {
    if (systemCodeOf(cause) === "ENOENT") throw notJoined(folder, cause);
    throw new FerryError("config-invalid", `Cannot use ${folder.config}: ${messageOf(cause)}`, {
      hint:
        cause instanceof ProtocolError
          ? "Correct the file, or join again with --force."
          : "Check that the file belongs to this user and can be read.",
      cause,
    });
  }
}

/** Throws ProtocolError for a value that the file may not hold. */
export function checkAgentConfig(value: unknown): AgentConfig {
  return check(value);
}

export async function writeAgentConfig(folder: AgentFolder, config: AgentConfig): Promise<void> {
  await mkdir(folder.directory, { recursive: true, mode: 0o700 });
  await writeFileDurably(folder.config, `${JSON.stringify(config, undefined, 2)}\n`);
}

function notJoined(folder: AgentFolder, cause: unknown): FerryError {
  return new FerryError("not-joined", `There is no agent in ${folder.directory}: this device has not joined a fleet`, {
    hint: "Run `ferry-agent join TOKEN --root-pin HEX` (`ferry device invite` prints it), or name the folder with --dir.",
    exitCode: EXIT.notFound,
    cause,
  });
}
