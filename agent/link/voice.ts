/** What the device says of itself: to the fleet, and to whoever asks on the device. */
import type { Clock } from "../../common/clock.ts";
import type { OnnxBuild } from "../../common/onnx-build.ts";
import { SessionId, type StatementDigest } from "../../protocol/ids.ts";
import { ALL_FEATURES } from "../../protocol/features.ts";
import type { DeviceInfo } from "../../protocol/messages/device-info.ts";
import type { Hello } from "../../protocol/messages/hello.ts";
import { gate } from "../../protocol/schema.ts";
import { deviceTopics } from "../../protocol/topics.ts";
import type { Signer } from "../../protocol/trust/keys.ts";
import { signReport, type Report, type SlotReport } from "../../protocol/trust/report.ts";
import type { Refusal } from "../../protocol/trust/refusal.ts";
import type { AgentConfig } from "../config.ts";
import { availableMemoryBytes } from "../hardware/available-memory.ts";
import type { FoundProviders } from "../hardware/discover-providers.ts";
import type { Inventory } from "../hardware/inventory.ts";
import type { ServedSlot } from "../inference/inference-engine.ts";
import type { LoadedModel } from "../inference/loaded-model.ts";
import { MEMORY_RESERVE_BYTES } from "../inference/qualify/memory-plan.ts";
import type { AgentStatus, ModelStatus } from "../status.ts";
import type { DataUseStatus } from "../telemetry/data-use.ts";
import type { Outbox } from "../telemetry/outbox.ts";
import type { SlotProgress } from "../update/run.ts";
import type { TrustKeeper } from "../update/trust-keeper.ts";
import { slotReports } from "./slot-reports.ts";

export interface VoicePorts {
  readonly link: {
    readonly session: string | undefined;
    readonly malformed: () => number;
    readonly publish: (topic: string, payload: string, options: { qos: 1; retain?: boolean }) => Promise<void>;
  };
  readonly config: AgentConfig;
  readonly key: Signer;
  readonly trust: TrustKeeper;
  readonly slots: () => readonly SlotProgress[];
  readonly poisons: () => readonly unknown[];
  readonly served: () => readonly ServedSlot[];
  readonly models: () => readonly LoadedModel[];
  readonly outbox: Pick<Outbox, "stream" | "produced" | "pending">;
  readonly nextReportCounter: () => number;
  /** At present; the controller waits for so long before it takes the device for gone. */
  readonly heartbeatMs: () => number;
  /** Undefined where nobody counts. */
  readonly dataUse: () => DataUseStatus | undefined;
  readonly inventory: Inventory;
  /** Undefined until they have been looked for. */
  readonly providers: () => FoundProviders | undefined;
  readonly heldBundles: () => Iterable<StatementDigest>;
  /** Undefined where it does not listen. */
  readonly httpUrl: () => string | undefined;
  /** Why the agent cannot update itself; undefined where it can. */
  readonly selfUpdate: Refusal | undefined;
  readonly agentVersion: string;
  readonly clock: Clock;
}

/** Each of the first three rejects without a connection. */
export interface Voice {
  /** Asks for the newest deployment, with a nonce that has never been used. */
  readonly sayHello: () => Promise<void>;
  /** The signed report. */
  readonly sayReport: () => Promise<void>;
  /** The inventory, retained. */
  readonly sayInfo: () => Promise<void>;
  readonly status: () => AgentStatus;
}

/** What an inventory message holds; two for each of 16 slots, and those on their way. */
const HELD_MAX = 64;

export function createVoice(ports: VoicePorts): Voice {
  const { link, config, trust, outbox, clock, agentVersion } = ports;
  const { fleet, device } = config;
  const topics = deviceTopics(fleet, device);
  const startedMs = clock.monotonicMs();

  const slots = (): SlotReport[] => slotReports(ports.slots(), ports.served());
  const runtime = () => runtimeOf(ports.inventory.onnxruntime, ports.providers(), ports.served());
  const uptimeMs = () => clock.monotonicMs() - startedMs;

  function standing() {
    const refusal = trust.refusal();
    return {
      rootVersion: trust.root().version,
      seq: trust.seq(),
      fresh: trust.isFresh(),
      ...(refusal === undefined ? {} : { refusal }),
      slots: slots(),
      poisoned: ports.poisons().length,
      telemetry: { stream: outbox.stream, produced: outbox.produced, pending: outbox.pending },
    };
  }

  return {
    sayHello: async () => {
      const hello: Hello = {
        session: checkSession(link.session),
        nonce: trust.challenge(),
        rootVersion: trust.root().version,
        seq: trust.seq(),
      };
      await link.publish(topics.hello, JSON.stringify(hello), { qos: 1 });
    },
    sayReport: async () => {
      const report: Report = {
        v: 1,
        fleet,
        device,
        session: checkSession(link.session),
        // Given away even where sending fails: a number may be skipped, never repeated.
        counter: ports.nextReportCounter(),
        atMs: clock.nowMs(),
        uptimeMs: uptimeMs(),
        heartbeatMs: ports.heartbeatMs(),
        ...standing(),
      };
      await link.publish(topics.report, JSON.stringify(await signReport(report, ports.key)), { qos: 1 });
    },
    sayInfo: async () => {
      const httpUrl = ports.httpUrl();
      const info: DeviceInfo = {
        publicKey: ports.key.publicKey.pem,
        labels: config.labels,
        hardware: await ports.inventory.hardware(),
        agentVersion,
        features: ALL_FEATURES,
        selfUpdate: selfUpdateOf(ports.selfUpdate),
        nodeVersion: process.version,
        runtime: runtime(),
        ...(httpUrl === undefined ? {} : { httpUrl }),
        heldStatements: [...ports.heldBundles()].slice(0, HELD_MAX),
      };
      await link.publish(topics.info, JSON.stringify(info), { qos: 1, retain: true });
    },
    status: () => ({
      fleet,
      device,
      agentVersion,
      uptimeMs: uptimeMs(),
      broker: { url: config.broker, connected: link.session !== undefined },
      malformedMessages: link.malformed(),
      runtime: runtime(),
      selfUpdate: selfUpdateOf(ports.selfUpdate),
      models: ports.models().map(statusOf),
      memory: memoryStatus(availableMemoryBytes()),
      ...dataStatus(ports.dataUse()),
      ...standing(),
    }),
  };
}

/** What a field of the inventory message holds. */
const WHY_CHARS_MAX = 256;

function selfUpdateOf(obstacle: Refusal | undefined): NonNullable<DeviceInfo["selfUpdate"]> {
  return obstacle === undefined
    ? { supported: true }
    : { supported: false, why: obstacle.message.slice(0, WHY_CHARS_MAX) };
}

/** Throws ProtocolError where there is no session. */
const checkSession = gate("session", SessionId);

function statusOf({ variant, latencyP95Ms, sinceMs, ...model }: LoadedModel): ModelStatus {
  return {
    ...model,
    ...(variant === undefined ? {} : { variant }),
    ...(latencyP95Ms === undefined ? {} : { latencyP95Ms }),
    ...(sinceMs === undefined ? {} : { sinceMs }),
  };
}

function dataStatus(use: DataUseStatus | undefined): Pick<AgentStatus, "data"> {
  if (use === undefined) return {};
  const { budgetBytes, ...data } = use;
  return { data: { ...data, ...(budgetBytes === undefined ? {} : { monthBytes: budgetBytes }) } };
}

function memoryStatus(availableBytes: number | undefined): NonNullable<AgentStatus["memory"]> {
  return { ...(availableBytes === undefined ? {} : { availableBytes }), reserveBytes: MEMORY_RESERVE_BYTES };
}

/** As many as an inventory message holds; onnxruntime knows some twenty providers, a build has a handful. */
const PROVIDERS_TOLD_MAX = 16;

/** The processor is always there, and so is what a model really runs on. */
function runtimeOf(
  { version, entry, folder }: OnnxBuild,
  found: FoundProviders = { working: [], failed: [] },
  served: readonly ServedSlot[],
): DeviceInfo["runtime"] {
  const working = new Set(["cpu", ...found.working, ...served.map(({ evidence }) => evidence.provider)]);
  return {
    onnxruntime: version,
    providers: [...working].slice(0, PROVIDERS_TOLD_MAX),
    ...(found.failed.length === 0 ? {} : { failedProviders: found.failed.slice(0, PROVIDERS_TOLD_MAX) }),
    ...(entry === undefined ? {} : { path: folder.slice(0, 256) }),
  };
}
