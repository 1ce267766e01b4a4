/** Reads telemetry and says on which devices more examples are unusual than in the baseline. */
import type { DeviceId } from "../../protocol/ids.ts";
import type { Store } from "../store/store.ts";
import type { AnomalyVerdict } from "./anomaly-shape.ts";
import { judgeAnomalies } from "./judge-anomalies.ts";
import { readDistributions } from "./read-distributions.ts";
import type { DriftPorts } from "./read-drift.ts";

export interface AnomalyQuery {
  readonly slot?: string | undefined;
  readonly version?: string | undefined;
  readonly devices?: readonly DeviceId[] | undefined;
  readonly nowMs: number;
  /** How far back. */
  readonly windowMs: number;
  /** One verdict for each device and version, or for each version over all devices. */
  readonly by: "device" | "model";
}

/** Device clocks may be ahead. */
const AHEAD_MS = 3_600_000;

/** Anomalous ones first, by their share; then those that are not scored, or inconclusive; then the usual ones. */
export async function readAnomalies(ports: DriftPorts, query: AnomalyQuery): Promise<readonly AnomalyVerdict[]> {
  const { slot, version, devices, nowMs, windowMs, by } = query;
  const range = { slot, version, devices, fromMs: nowMs - windowMs, toMs: nowMs + AHEAD_MS };
  const rows = await readDistributions(ports.store, { ...range, role: "score", from: "newest" });
  const groups = Map.groupBy(rows, ({ device, fields }) =>
    JSON.stringify([fields.slot, fields.version, ...(by === "device" ? [device] : [])]),
  );
  const scored = [...groups.values()].flatMap((found) => {
    const [first] = found;
    if (first === undefined) return [];
    const { device, fields } = first;
    const of = { slot: fields.slot, version: fields.version, device: by === "device" ? device : undefined };
    return [{ ...of, devices: new Set(found.map((row) => row.device)).size, rows: found }];
  });
  const isScored = new Set(scored.map((one) => `${one.slot}@${one.version}`));
  const answering = await versionsAnswering(ports.store, range);
  const silent = answering.filter((one) => !isScored.has(`${one.slot}@${one.version}`));
  const cases = await Promise.all(
    [...scored, ...silent].map(async (one) => ({
      ...one,
      detectors: (await ports.baselineOf(one.slot, one.version))?.detectors,
    })),
  );
  return [...judgeAnomalies(cases)].sort((a, b) => rankOf(b) - rankOf(a));
}

type Range = Pick<AnomalyQuery, "slot" | "version" | "devices"> & { readonly fromMs: number };

/** Whether or not anything says what is unusual of their inputs. */
async function versionsAnswering(store: Store, { slot, version, devices, fromMs }: Range) {
  const found = await store
    .selectFrom("inference_devices")
    .select(({ fn }) => ["slot", "version", fn.count<number>("device").as("devices")])
    .where("last_ms", ">=", fromMs)
    .where("version", "<>", "")
    .$if(slot !== undefined, (query) => query.where("slot", "=", slot ?? ""))
    .$if(version !== undefined, (query) => query.where("version", "=", version ?? ""))
    .$if(devices !== undefined, (query) => query.where("device", "in", [...(devices ?? [])]))
    .groupBy(["slot", "version"])
    .execute();
  return found.map((one) => ({ ...one, device: undefined, rows: [] }));
}

function rankOf({ state, anomalous, examples }: AnomalyVerdict): number {
  const share = anomalous / Math.max(1, examples);
  if (state === "anomalous") return 10 + share;
  return state === "usual" ? share : 5;
}
