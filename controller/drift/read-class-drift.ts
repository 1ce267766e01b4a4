/** Reads telemetry and says which devices differ from the others of their hardware class. */
import { featureSubject } from "../../protocol/distribution-sum.ts";
import type { DeviceId } from "../../protocol/ids.ts";
import { readDevices } from "../fleet/read-devices.ts";
import type { Store } from "../store/store.ts";
import type { ClassVerdict } from "./class-shape.ts";
import { historiesOf, type FeatureHistory } from "./feature-history.ts";
import { judgeClasses, type ClassCase } from "./judge-class.ts";
import { readDistributions } from "./read-distributions.ts";

export interface ClassQuery {
  readonly slot?: string | undefined;
  readonly version?: string | undefined;
  readonly nowMs: number;
  readonly windowMs: number;
}

/** Devices of one class and version that are compared: about a second of work for eighty features. */
const DEVICES_MAX = 50;
/** Device clocks may be ahead. */
const AHEAD_MS = 3_600_000;

export async function readClassDrift(store: Store, query: ClassQuery): Promise<readonly ClassVerdict[]> {
  const { slot, version, nowMs, windowMs } = query;
  const range = { slot, version, fromMs: nowMs - windowMs, toMs: nowMs + AHEAD_MS, from: "newest" as const };
  const rows = await readDistributions(store, range);
  const devices = Map.groupBy(rows, ({ device }) => device);
  const views = await readDevices(store, [...devices.keys()]);
  const cases = new Map<string, { readonly hardware: string; readonly devices: Map<DeviceId, FeatureHistory> }>();
  for (const { id, info } of views) {
    // The most exact name comes last.
    const hardware = info?.hardware.classes.at(-1);
    if (hardware === undefined) continue;
    for (const history of historiesOf(devices.get(id) ?? []).values()) {
      const key = JSON.stringify([hardware, featureSubject(history.id)]);
      const found = cases.get(key) ?? { hardware, devices: new Map<DeviceId, FeatureHistory>() };
      if (found.devices.size < DEVICES_MAX) found.devices.set(id, history);
      cases.set(key, found);
    }
  }
  return judgeClasses([...cases.values()] satisfies readonly ClassCase[]);
}
