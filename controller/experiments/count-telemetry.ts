/** Reads what the devices of an experiment have told since it was read last, each record once. */
import type { DeviceId } from "../../protocol/ids.ts";
import type { RecordKind } from "../../protocol/messages/telemetry-batch.ts";
import { firstSince, newestStreams, recordsOf } from "../rollout/device-records.ts";
import type { Store } from "../store/store.ts";
import type { Arms, DeviceTally } from "./device-tally.ts";

/** Of one device in one look: a long backlog is read in several. */
const RECORDS_MAX = 2_000;
/** Events tell when the split begins and ends. */
const KINDS: readonly RecordKind[] = ["inference", "event"];

/** `sinceMs`: when its deployment was changed first, by the controller's clock. True where something came. */
export async function countDevice(
  store: Store,
  arms: Arms,
  { device, sinceMs, tally }: { readonly device: DeviceId; readonly sinceMs: number; readonly tally: DeviceTally },
): Promise<boolean> {
  let hasCounted = false;
  for (const { stream, next } of await newestStreams(store, device)) {
    const from = tally.nextOf.get(stream) ?? (await firstSince(store, device, stream, next, sinceMs));
    if (from >= next) continue;
    const range = { device, stream, from, before: next, kinds: KINDS, limit: RECORDS_MAX };
    const records = await recordsOf(store, range);
    for (const record of records) tally.add(arms, record);
    const last = records.length < RECORDS_MAX ? undefined : records.at(-1);
    tally.nextOf.set(stream, last === undefined ? next : last.seq + 1);
    hasCounted ||= records.length > 0;
  }
  return hasCounted;
}
