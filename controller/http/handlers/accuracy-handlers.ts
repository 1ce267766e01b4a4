import type { Clock } from "../../../common/clock.ts";
import { EXIT, FerryError } from "../../../common/ferry-error.ts";
import type { DeviceId } from "../../../protocol/ids.ts";
import { readAccuracy } from "../../accuracy/read-accuracy.ts";
import { readSelector } from "../../fleet/groups.ts";
import { readDevices } from "../../fleet/read-devices.ts";
import { selects } from "../../fleet/selector.ts";
import type { Store } from "../../store/store.ts";
import type { ACCURACY_ROUTES } from "../accuracy-routes.ts";
import type { Handlers } from "../bind-routes.ts";
import { oneDevice } from "./device-handlers.ts";

export function accuracyHandlers(store: Store, clock: Clock): Pick<Handlers, keyof typeof ACCURACY_ROUTES> {
  return {
    accuracy: async ({ query: { model, version, device, selector, byDevice = false, windowSeconds } }) => {
      const toMs = clock.nowMs() + CLOCKS_AHEAD_MS;
      const fromMs = clock.nowMs() - 1_000 * windowSeconds;
      const devices = await devicesAsked(store, device, selector);
      const versions = await readAccuracy(store, { model, version, devices, isByDevice: byDevice, fromMs, toMs });
      return { fromMs, toMs, versions: [...versions] };
    },
  };
}

/** Records are looked up by the devices' own clocks, and one may be a little ahead. */
const CLOCKS_AHEAD_MS = 600_000;

/** Undefined for all. */
async function devicesAsked(
  store: Store,
  device: DeviceId | undefined,
  selector: string | undefined,
): Promise<readonly DeviceId[] | undefined> {
  if (device !== undefined && selector !== undefined) {
    throw new FerryError("bad-request", "Give a device or a selector, not both", { exitCode: EXIT.usage });
  }
  if (device !== undefined) return [(await oneDevice(store, device)).id];
  if (selector === undefined) return undefined;
  const parsed = await readSelector(store, selector);
  return (await readDevices(store)).filter(({ labels }) => selects(parsed, labels)).map(({ id }) => id);
}
