/** What earlier rollouts showed of how long devices take: the rows from which `forecast.ts` foretells. */
import type { DeviceId } from "../../protocol/ids.ts";
import type { Store } from "../store/store.ts";
import type { Delivery } from "./forecast.ts";

/** Read at most, newest first: two of each device of a fleet of 10,000. */
const ROWS_MAX = 20_000;

export interface Deliveries {
  /** Newest first. */
  readonly of: (device: DeviceId) => readonly Delivery[];
  /** The newest of the whole fleet. */
  readonly ofFleet: readonly Delivery[];
}

/** Of the fleet's deliveries this many stand for all: a link that was slow last year says nothing. */
const FLEET_DELIVERIES_MAX = 200;

export async function readDeliveries(store: Store): Promise<Deliveries> {
  const rows = await store
    .selectFrom("rollout_devices")
    .select(["device", "started_ms", "done_ms", "fetched_bytes", "fetched_ms"])
    .where("done_ms", "is not", null)
    .where("started_ms", "is not", null)
    .orderBy("done_ms", "desc")
    .limit(ROWS_MAX)
    .execute();
  const deliveries = rows.flatMap((row) => {
    const totalMs = (row.done_ms ?? 0) - (row.started_ms ?? 0);
    // A device that was tried again since it was done has lost the beginning of that time.
    if (totalMs <= 0) return [];
    const transferMs = Math.min(row.fetched_ms ?? 0, totalMs);
    return [{ device: row.device, delivery: { bytes: row.fetched_bytes ?? 0, transferMs, totalMs } }];
  });
  const byDevice = Map.groupBy(deliveries, ({ device }) => device);
  return {
    of: (device) => (byDevice.get(device) ?? []).map(({ delivery }) => delivery),
    ofFleet: deliveries.slice(0, FLEET_DELIVERIES_MAX).map(({ delivery }) => delivery),
  };
}
