import type { DeviceId } from "../../protocol/ids.ts";
import type { EventKind } from "../fleet/events.ts";
import type { Store } from "../store/store.ts";
import { presenceOf, type DevicePresence, type KnownPresence, type PresenceWindow } from "./presence-spans.ts";

const WENT: readonly EventKind[] = ["device-offline", "device-aged-out"];
const CHANGES: readonly EventKind[] = ["device-online", ...WENT];

/** Of each device, in their order, from the history of the fleet: as far back as it is kept. */
export async function readPresence(
  store: Store,
  devices: readonly KnownPresence[],
  window: PresenceWindow,
): Promise<readonly DevicePresence[]> {
  const rows = await store
    .selectFrom("events")
    .select(["device", "at_ms", "kind"])
    .where("kind", "in", CHANGES)
    .where("at_ms", ">", window.fromMs)
    .where("at_ms", "<", window.toMs)
    .orderBy("id")
    .execute();
  const byDevice = new Map<DeviceId, { atMs: number; online: boolean }[]>();
  for (const { device, at_ms: atMs, kind } of rows) {
    if (device === null) continue;
    const changes = byDevice.get(device) ?? [];
    byDevice.set(device, changes);
    changes.push({ atMs, online: kind === "device-online" });
  }
  return devices.map((device) => presenceOf(device, byDevice.get(device.id) ?? [], window));
}
