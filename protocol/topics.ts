/** Every MQTT topic that Modelferry uses is built and parsed here, and nowhere else. `mf1` is protocol and major version. */
import {
  isId,
  type CallerId,
  type DeviceId,
  type FleetId,
  type GroupId,
  type ModelName,
  type TransferId,
} from "./ids.ts";
import { TOPIC_BYTES_MAX } from "./limits.ts";
import { ProtocolError } from "./protocol-error.ts";

const PREFIX = "mf1";

/** What one device publishes (`up`), receives (`dn`) and answers (`p`). */
export function deviceTopics(fleet: FleetId, device: DeviceId) {
  const base = `${PREFIX}/${fleet}/d/${device}`;
  return {
    /** QoS 1, retained, and the will: birth and death. */
    state: `${base}/up/state`,
    /** QoS 1, retained: inventory. */
    info: `${base}/up/info`,
    /** QoS 1: asks for a fresh deployment; carries the nonce. */
    hello: `${base}/up/hello`,
    /** QoS 1: DSSE device report. */
    report: `${base}/up/report`,
    /** QoS 1: CBOR telemetry batch. */
    telemetry: `${base}/up/t`,
    /** QoS 0: transfer wants and acknowledgements. */
    want: `${base}/up/x`,
    /** QoS 1, retained: DSSE deployment. */
    desired: `${base}/dn/desired`,
    /** QoS 1: a command with id and deadline. */
    command: `${base}/dn/cmd`,
    /** QoS 0: what the controller has stored of the device's telemetry. */
    telemetryAck: `${base}/dn/tack`,
    /** QoS 0: chunks for this device alone. */
    chunk: `${base}/dn/x`,
    /** Predict requests for one model. */
    predict: (model: ModelName) => `${base}/p/${model}`,
    /** Filter: predict requests for any model. */
    predictAny: `${base}/p/+`,
  } as const;
}

/** What is published once for many devices. */
export function groupTopics(fleet: FleetId, group: GroupId) {
  const base = `${PREFIX}/${fleet}/g/${group}`;
  return {
    /** QoS 0: broadcast chunks of one transfer. */
    chunk: (transfer: TransferId) => `${base}/x/${transfer}`,
    /** QoS 1: offers. */
    command: `${base}/cmd`,
  } as const;
}

/** Where a caller hears the answers of one device; the last level is the responder, so a broker rule can stop spoofing. */
export function answerTopic(fleet: FleetId, caller: CallerId, device: DeviceId): string {
  return `${PREFIX}/${fleet}/c/${caller}/in/${device}`;
}

/** What concerns the whole fleet, and the filters with which a controller listens. */
export function fleetTopics(fleet: FleetId) {
  const base = `${PREFIX}/${fleet}`;
  return {
    /** QoS 1, retained: TUF root metadata, version n. */
    root: (version: number) => `${base}/trust/root/${String(version)}`,
    rootAny: `${base}/trust/root/+`,
    /** Filter: everything of this fleet. */
    any: `${base}/#`,
    /** QoS 1, retained, and the will: the controller is there. */
    controllerState: `${base}/c/controller/state`,
    /** Filter: everything that devices say. */
    upAny: `${base}/d/+/up/+`,
    /** Filter: answers to a caller from any device. */
    answersTo: (caller: CallerId) => `${base}/c/${caller}/in/+`,
  } as const;
}

export type UpKind = "state" | "info" | "hello" | "report" | "telemetry" | "want";

export type ParsedTopic =
  | { readonly kind: UpKind; readonly fleet: FleetId; readonly device: DeviceId }
  | {
      readonly kind: "desired" | "command" | "telemetryAck" | "chunk";
      readonly fleet: FleetId;
      readonly device: DeviceId;
    }
  | { readonly kind: "predict"; readonly fleet: FleetId; readonly device: DeviceId; readonly model: ModelName }
  | { readonly kind: "answer"; readonly fleet: FleetId; readonly caller: CallerId; readonly device: DeviceId }
  | { readonly kind: "groupCommand"; readonly fleet: FleetId; readonly group: GroupId }
  | { readonly kind: "groupChunk"; readonly fleet: FleetId; readonly group: GroupId; readonly transfer: TransferId }
  | { readonly kind: "root"; readonly fleet: FleetId; readonly version: number }
  | { readonly kind: "controllerState"; readonly fleet: FleetId };

const UP_KINDS: Readonly<Record<string, UpKind>> = {
  state: "state",
  info: "info",
  hello: "hello",
  report: "report",
  t: "telemetry",
  x: "want",
};

const DOWN_KINDS: Readonly<Record<string, "desired" | "command" | "telemetryAck" | "chunk">> = {
  desired: "desired",
  cmd: "command",
  tack: "telemetryAck",
  x: "chunk",
};

/** The topic of an arriving message, taken apart. Throws TOPIC for one that this file does not build. */
export function parseTopic(topic: string): ParsedTopic {
  const parsed = topic.length > TOPIC_BYTES_MAX ? undefined : parseLevels(topic.split("/"));
  if (parsed === undefined)
    throw new ProtocolError("TOPIC", "topic", `${JSON.stringify(topic.slice(0, 300))} is not one of Modelferry's`);
  return parsed;
}

function parseLevels(levels: readonly string[]): ParsedTopic | undefined {
  const [prefix, fleet, branch, third, fourth, fifth] = levels;
  if (prefix !== PREFIX || fleet === undefined || third === undefined || fourth === undefined) return undefined;
  if (!levels.slice(1).every(isId)) return undefined;
  const at = { fleet: fleet as FleetId };
  if (levels.length === 6 && fifth !== undefined) {
    if (branch === "d") return parseDeviceLevels(at.fleet, third as DeviceId, fourth, fifth);
    if (branch === "c" && fourth === "in") {
      return { kind: "answer", ...at, caller: third as CallerId, device: fifth as DeviceId };
    }
    if (branch === "g" && fourth === "x" && /^[0-9a-f]{16}$/.test(fifth)) {
      return { kind: "groupChunk", ...at, group: third as GroupId, transfer: fifth as TransferId };
    }
  }
  if (levels.length === 5) {
    if (branch === "g" && fourth === "cmd") return { kind: "groupCommand", ...at, group: third as GroupId };
    if (branch === "trust" && third === "root" && /^[1-9][0-9]{0,8}$/.test(fourth)) {
      return { kind: "root", ...at, version: Number(fourth) };
    }
    if (branch === "c" && third === "controller" && fourth === "state") return { kind: "controllerState", ...at };
  }
  return undefined;
}

function parseDeviceLevels(fleet: FleetId, device: DeviceId, direction: string, leaf: string): ParsedTopic | undefined {
  if (direction === "p") return { kind: "predict", fleet, device, model: leaf as ModelName };
  const kind = direction === "up" ? UP_KINDS[leaf] : direction === "dn" ? DOWN_KINDS[leaf] : undefined;
  return kind === undefined ? undefined : { kind, fleet, device };
}
