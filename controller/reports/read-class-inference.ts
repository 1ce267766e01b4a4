/** What model versions do on each class of hardware, from what its devices told one by one. */
import type { DeviceId } from "../../protocol/ids.ts";
import { InferenceSum } from "../../protocol/inference-sum.ts";
import type { DeviceView } from "../fleet/device-view.ts";
import type { Store } from "../store/store.ts";
import { readInference } from "../telemetry/read-inference.ts";
import type { PresenceWindow } from "./presence-spans.ts";
import { Trend } from "./read-latency-trend.ts";

/** One version on one class of hardware. */
export interface ClassInference {
  /** `raspberry-pi-5`, `linux-x64`. */
  readonly hardware: string;
  readonly slot: string;
  readonly version: string;
  /** Devices of the class with traffic in the window, of any model; `measured` of them were read. */
  readonly devices: number;
  readonly measured: ReadonlyMap<DeviceId, InferenceSum>;
  readonly sum: InferenceSum;
  readonly trend: Trend;
}

/** Records that one report reads: some four seconds of work, in turns of one device each. */
const RECORDS_MAX = 100_000;
/** A busy device tells one each ten seconds. */
const RECORD_MS = 10_000;
/** Fewer devices of a class would say more about themselves than about it. */
const DEVICES_OF_CLASS_MIN = 3;

/** The most exact name of its hardware; undefined for a device that has not told. */
export function hardwareClassOf({ info }: Pick<DeviceView, "info">): string | undefined {
  return info?.hardware.classes.at(-1);
}

/** By class, then by model and version. Of a large class evenly chosen devices. */
export async function readClassInference(
  store: Store,
  devices: readonly DeviceView[],
  window: PresenceWindow,
  slot?: string,
): Promise<readonly ClassInference[]> {
  const { fromMs, toMs } = window;
  const told = await store
    .selectFrom("inference_devices")
    .select("device")
    .distinct()
    .where("last_ms", ">=", fromMs)
    .where("first_ms", "<", toMs)
    .$if(slot !== undefined, (query) => query.where("slot", "=", slot ?? ""))
    .execute();
  const withTraffic = new Set(told.map(({ device }) => device));
  const classes = Map.groupBy(
    devices.filter((device) => withTraffic.has(device.id)),
    (device) => hardwareClassOf(device) ?? "unknown",
  );
  const each = Math.floor(RECORDS_MAX / Math.max(1, classes.size) / Math.max(1, (toMs - fromMs) / RECORD_MS));
  const found: ClassInference[] = [];
  for (const [hardware, own] of [...classes].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const chosen = evenly(own, Math.max(DEVICES_OF_CLASS_MIN, each)).map(({ id }) => id);
    const versions = new Map<
      string,
      { slot: string; version: string; measured: Map<DeviceId, InferenceSum>; trend: Trend }
    >();
    const query = { devices: chosen, fromMs, toMs, ...(slot === undefined ? {} : { slot }) };
    for await (const { device, slot: of, version, atMs, sum } of readInference(store, query)) {
      if (version === undefined) continue;
      const key = `${of}@${version}`;
      const one = versions.get(key) ?? {
        slot: of,
        version,
        measured: new Map<DeviceId, InferenceSum>(),
        trend: new Trend(window),
      };
      versions.set(key, one);
      one.trend.add(atMs, sum);
      const ofDevice = one.measured.get(device) ?? new InferenceSum();
      ofDevice.merge(sum);
      one.measured.set(device, ofDevice);
    }
    for (const one of [...versions.values()].sort((a, b) => (a.slot + a.version < b.slot + b.version ? -1 : 1))) {
      const sum = new InferenceSum();
      for (const ofDevice of one.measured.values()) sum.merge(ofDevice);
      found.push({ hardware, devices: own.length, sum, ...one });
    }
  }
  return found;
}

/** `most` of them, spread over the whole. */
function evenly<T>(all: readonly T[], most: number): readonly T[] {
  if (all.length <= most) return all;
  return Array.from({ length: most }, (_, at) => all[Math.floor((at * all.length) / most)]).filter(
    (one) => one !== undefined,
  );
}
