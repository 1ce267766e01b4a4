/** Which stage will take which device, as things stand: what `choose-devices.ts` does one stage at a time. */
import type { DeviceId } from "../../protocol/ids.ts";
import { selects, type Selector } from "../fleet/selector.ts";
import type { DeviceView } from "../fleet/device-view.ts";
import { stageTarget } from "./choose-devices.ts";
import { orderOf } from "./order-of.ts";
import type { RolloutStage } from "./rollout-spec.ts";

/** Of the devices given; those that cannot be reached at the moment are in none. */
export function planStages(
  stages: readonly RolloutStage[],
  devices: readonly DeviceView[],
  { rollout, selectors }: { readonly rollout: number; readonly selectors: readonly (Selector | null)[] },
): ReadonlyMap<DeviceId, number> {
  const inOrder = devices
    .filter(({ online, deployment }) => online && deployment !== undefined)
    .map((device) => ({ device, order: orderOf(rollout, device.id) }))
    .sort((one, other) => one.order - other.order)
    .map(({ device }) => device);
  const stageOf = new Map<DeviceId, number>();
  for (const [at, { take }] of stages.entries()) {
    const selector = selectors[at] ?? null;
    const wanted = stageTarget(take, inOrder.length) - stageOf.size;
    const taken = inOrder.filter(
      ({ id, labels }) => !stageOf.has(id) && (selector === null || selects(selector, labels)),
    );
    for (const { id } of taken.slice(0, Math.max(0, wanted))) stageOf.set(id, at);
  }
  return stageOf;
}
