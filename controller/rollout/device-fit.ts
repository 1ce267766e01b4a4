/** Whether a bundle fits into a device: memory, disk and execution provider, as far as the device has told. */
import type { ModelJson } from "../../protocol/bundle/model-json.ts";
import type { StatementDigest } from "../../protocol/ids.ts";
import type { DeviceInfo } from "../../protocol/messages/device-info.ts";
import type { SlotReport } from "../../protocol/trust/report.ts";
import type { SoakTraffic } from "../../protocol/trust/soak-traffic.ts";
import { slotReportOf, type DeviceView } from "../fleet/device-view.ts";

export interface FittedBundle {
  readonly statement: StatementDigest;
  readonly model: ModelJson;
  readonly archiveBytes: number;
  /** Of its runner: the most that a device measured while it qualified; undefined while none has. */
  readonly memoryBytes: number | undefined;
}

export interface DeviceFit {
  /** The execution provider that the device will try first. */
  readonly provider: string;
  /** It cannot run there. */
  readonly obstacle: string | undefined;
  /** It can, and someone should know this. */
  readonly notes: readonly string[];
}

/** Kept free beside a bundle by the agent (`agent/update/steps.ts`). */
const DISK_RESERVE_BYTES = 64 * 1024 ** 2;
/** The archive as it came, and its files beside it. */
const DISK_COPIES = 2;

/** The most that a device measured of the bundle's runner; undefined where none has qualified it. */
export function measuredMemoryBytes(statement: StatementDigest, devices: readonly DeviceView[]): number | undefined {
  const measured = devices.flatMap(({ report }) =>
    (report?.slots ?? []).flatMap(({ active }) =>
      active?.statement === statement ? [active.evidence.memoryBytes] : [],
    ),
  );
  return measured.length === 0 ? undefined : measured.reduce((most, bytes) => Math.max(most, bytes));
}

/** `mode`: both versions are to soak side by side. */
export function deviceFit(bundle: FittedBundle, device: DeviceView, info: DeviceInfo, mode?: SoakTraffic): DeviceFit {
  const { memoryBytes } = bundle;
  const installed = info.hardware.memoryBytes;
  const isTooBig = memoryBytes !== undefined && installed > 0 && memoryBytes > installed;
  return {
    provider: firstProvider(bundle.model, info),
    obstacle: isTooBig
      ? `its runner needs ${mebibytes(memoryBytes)}; the device has ${mebibytes(installed)}`
      : undefined,
    notes: [
      ...memoryNotes(bundle, device, installed, mode),
      ...diskNotes(bundle, info),
      ...providerNotes(bundle.model, info),
    ],
  };
}

/** Both versions are loaded while the traffic is turned over, where they fit; where they do not, requests wait for the load. */
function memoryNotes(
  { memoryBytes, model }: FittedBundle,
  device: DeviceView,
  installed: number,
  mode: SoakTraffic | undefined,
): string[] {
  if (memoryBytes === undefined || installed === 0) return [];
  const others = (device.report?.slots ?? []).reduce((sum, slot) => sum + loadedBytes(slot), 0);
  if (memoryBytes + others <= installed) return [];
  const running = loadedBytes(slotReportOf(device, model.name));
  if (running > 0 && mode !== undefined) {
    return [`not enough memory for both versions: it will refuse a ${mode.kind} (traffic-impossible)`];
  }
  return running === 0
    ? [
        `${mebibytes(memoryBytes)} for its runner beside ${mebibytes(others)} of other models is more than the device has`,
      ]
    : ["not enough memory for both versions: the old one is unloaded first, and requests wait meanwhile"];
}

function loadedBytes(slot: SlotReport | undefined): number {
  return slot?.active?.evidence.memoryBytes ?? 0;
}

/** What the device told when it connected last: it tries again as soon as there is room. */
function diskNotes({ archiveBytes, statement }: FittedBundle, { hardware, heldStatements }: DeviceInfo): string[] {
  if (heldStatements.includes(statement)) return [];
  const needed = DISK_COPIES * archiveBytes + DISK_RESERVE_BYTES;
  if (hardware.diskFreeBytes >= needed) return [];
  return [`needs ${mebibytes(needed)} of disk; ${mebibytes(hardware.diskFreeBytes)} were free when it connected`];
}

function firstProvider({ providers = [] }: ModelJson, { runtime }: DeviceInfo): string {
  return providers.find((name) => runtime.providers.includes(name)) ?? "cpu";
}

function providerNotes(model: ModelJson, info: DeviceInfo): string[] {
  const [wanted] = model.providers ?? [];
  const got = firstProvider(model, info);
  if (wanted === undefined || wanted === got) return [];
  const failed = info.runtime.failedProviders?.find(({ provider }) => provider === wanted);
  return [
    `runs on ${got}: ${failed === undefined ? `${wanted} is not there` : `${wanted} does not work there, ${failed.why}`}`,
  ];
}

function mebibytes(bytes: number): string {
  return `${String(Math.ceil(bytes / 1024 ** 2))} MiB`;
}
