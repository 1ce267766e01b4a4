import { Type, type Static } from "typebox";
import { Labels, StatementDigest } from "../ids.ts";
import { DOCUMENT_BYTES_MAX } from "../limits.ts";
import { gate, parseJson } from "../schema.ts";
import { FailedProvider } from "../trust/evidence.ts";

const Text = Type.String({ maxLength: 256 });

/** Device → controller, retained, QoS 1: the inventory, after each connect and when it changes. */
export const DeviceInfo = Type.Object({
  /** SPKI in PEM: the key with which the device signs its reports. The controller keeps the first it sees. */
  publicKey: Type.String({ maxLength: 2_000 }),
  /** Labels from the device's own configuration; the operator's labels of the same key win. */
  labels: Labels,
  hardware: Type.Object({
    /** What `compatible` in model.json is matched against: `linux-arm64`, `raspberry-pi`, `raspberry-pi-5`, … */
    classes: Type.Array(Text, { maxItems: 16 }),
    model: Text,
    arch: Text,
    kernel: Text,
    cpuModel: Text,
    cpuCount: Type.Integer({ minimum: 1 }),
    memoryBytes: Type.Integer({ minimum: 0 }),
    diskFreeBytes: Type.Integer({ minimum: 0 }),
  }),
  agentVersion: Type.String({ maxLength: 32 }),
  /** What of the signed documents it understands: the names of `features.ts`, and those of newer agents. Absent: unknown. */
  features: Type.Optional(Type.Array(Type.String({ maxLength: 64 }), { maxItems: 64 })),
  /** Whether it can take a bundle of `kind: agent`, and where it cannot, why and what to do. Absent: an older agent. */
  selfUpdate: Type.Optional(Type.Object({ supported: Type.Boolean(), why: Type.Optional(Text) })),
  nodeVersion: Type.String({ maxLength: 32 }),
  runtime: Type.Object({
    onnxruntime: Type.String({ maxLength: 32 }),
    /** Execution providers that work there, each tried with a small model after the agent's start; `cpu` always does. */
    providers: Type.Array(Text, { maxItems: 16 }),
    /** Those with which onnxruntime was built and that do not work there; absent until they have been tried. */
    failedProviders: Type.Optional(Type.Array(FailedProvider, { maxItems: 16 })),
    /** Where onnxruntime-node is another one than came with the agent: its folder. */
    path: Type.Optional(Text),
  }),
  /** Where the device's own HTTP port listens, for people on that network. */
  httpUrl: Type.Optional(Text),
  /** Verified bundles on the device's disk. */
  heldStatements: Type.Array(StatementDigest, { maxItems: 64 }),
});
export type DeviceInfo = Static<typeof DeviceInfo>;

const check = gate("device info", DeviceInfo);

export function parseDeviceInfo(bytes: Uint8Array): DeviceInfo {
  return parseJson("device info", bytes, DOCUMENT_BYTES_MAX, check);
}
