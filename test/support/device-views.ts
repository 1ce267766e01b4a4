/** Devices as rows would tell of them, for tests of what is decided about them. */
import { keySigner } from "../../protocol/trust/keys.ts";
import { generateKeyPairSync } from "node:crypto";
import type { DeviceView } from "../../controller/fleet/device-view.ts";
import type { ModelJson } from "../../protocol/bundle/model-json.ts";
import type {
  DeviceId,
  FleetId,
  ModelName,
  ModelVersion,
  SessionId,
  Sha256,
  StatementDigest,
  StreamId,
} from "../../protocol/ids.ts";
import { ALL_FEATURES } from "../../protocol/features.ts";
import type { DeviceInfo } from "../../protocol/messages/device-info.ts";
import type { DeployedSlot } from "../../protocol/trust/deployment.ts";
import type { Evidence } from "../../protocol/trust/evidence.ts";
import type { Report, SlotReport } from "../../protocol/trust/report.ts";

export const FLEET = "test" as FleetId;
export const DIGITS = "digits" as ModelName;
export const SESSION = "0123456789abcdef" as SessionId;
export const NOW_MS = Date.parse("2026-11-21T12:00:00Z");

/** A statement digest that a person can tell from another: `a` repeated. */
export function statement(digit: string): StatementDigest {
  return digit.repeat(64) as StatementDigest;
}

export const EVIDENCE: Evidence = {
  provider: "cpu",
  loadMs: 10,
  warmUpMs: 5,
  goldenCases: 20,
  goldenPassed: 20,
  latencyP50Ms: 0.2,
  latencyP95Ms: 0.4,
  memoryBytes: 90_000_000,
  qualifiedAtMs: NOW_MS,
};

/** A slot that serves what it was asked to. */
export function serving(digit: string, version: string, changes: Partial<SlotReport> = {}): SlotReport {
  const active = { model: DIGITS, version: version as ModelVersion, statement: statement(digit), sinceMs: NOW_MS };
  return {
    slot: DIGITS,
    phase: "committed",
    desired: statement(digit),
    active: { ...active, evidence: EVIDENCE },
    ...changes,
  };
}

export function reportOf(device: string, changes: Partial<Report> = {}): Report {
  return {
    v: 1,
    fleet: FLEET,
    device: device as DeviceId,
    counter: 1,
    session: SESSION,
    atMs: NOW_MS,
    uptimeMs: 60_000,
    heartbeatMs: 30_000,
    rootVersion: 1,
    seq: 2,
    fresh: true,
    slots: [],
    telemetry: { stream: "0".repeat(32) as StreamId, produced: 0, pending: 0 },
    ...changes,
  };
}

export function slotFor(digit: string, version: string): DeployedSlot {
  const archive = { sha256: digit.repeat(64) as Sha256, length: 1_000, chunkList: digit.repeat(64) as Sha256 };
  return { slot: DIGITS, model: DIGITS, version: version as ModelVersion, statement: statement(digit), archive };
}

export const INFO: DeviceInfo = {
  publicKey: keySigner(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey).publicKey.pem,
  labels: { site: "oslo" },
  hardware: {
    classes: ["linux-x64"],
    model: "a test",
    arch: "x64",
    kernel: "6.1",
    cpuModel: "a processor",
    cpuCount: 2,
    memoryBytes: 1e9,
    diskFreeBytes: 1e9,
  },
  agentVersion: "0.1.0",
  features: ALL_FEATURES,
  nodeVersion: "24.21.0",
  runtime: { onnxruntime: "1.27.0", providers: ["cpu"] },
  heldStatements: [],
};

export function deviceView(id: string, changes: Partial<DeviceView> = {}): DeviceView {
  return {
    id: id as DeviceId,
    online: true,
    onlineSinceMs: NOW_MS - 3_600_000,
    firstSeenMs: NOW_MS - 86_400_000,
    lastHeardMs: NOW_MS,
    labels: { site: "oslo" },
    operatorLabels: {},
    info: INFO,
    report: undefined,
    reportedMs: undefined,
    deployment: { device: id as DeviceId, seq: 1, slots: [] },
    ...changes,
  };
}

export function modelJson(version: string, changes: Partial<ModelJson> = {}): ModelJson {
  return {
    formatVersion: 1,
    name: DIGITS,
    version: version as ModelVersion,
    release: 1,
    rollbackIndex: 0,
    file: "model.onnx",
    golden: "golden.json",
    inputs: [{ name: "pixels", datatype: "FP32", shape: [-1, 64] }],
    outputs: [{ name: "probabilities", datatype: "FP32", shape: [-1, 10] }],
    compatible: ["*"],
    ...changes,
  };
}
