/** Other rollouts of the same model that are under way on the same devices: shown before one begins. */
import type { DeviceId, ModelName, ModelVersion } from "../../protocol/ids.ts";
import type { RolloutState } from "../store/rollout-state.ts";
import type { Store } from "../store/store.ts";

export interface Rival {
  readonly rollout: number;
  readonly version: ModelVersion;
  readonly state: RolloutState;
  readonly priority: number;
  /** Devices that both want. */
  readonly devices: number;
  /** True where it keeps them; see `create-rollout.ts`. */
  readonly keeps: boolean;
}

/** Ascending by rollout. */
export async function readRivals(
  store: Store,
  model: ModelName,
  { devices, priority }: { readonly devices: readonly DeviceId[]; readonly priority: number },
): Promise<readonly Rival[]> {
  const rows = await store
    .selectFrom("rollout_devices")
    .innerJoin("rollouts", "rollouts.id", "rollout_devices.rollout")
    .select(["rollouts.id", "rollouts.version", "rollouts.state", "rollouts.priority", "rollout_devices.device"])
    .where("rollouts.name", "=", model)
    .where("rollouts.state", "in", ["running", "paused", "rolling-back"])
    .where("rollout_devices.live", "=", 1)
    .orderBy("rollouts.id")
    .execute();
  const wanted = new Set(devices);
  const byRollout = Map.groupBy(
    rows.filter(({ device }) => wanted.has(device)),
    ({ id }) => id,
  );
  return [...byRollout.values()].flatMap((members) => {
    const [first] = members;
    if (first === undefined) return [];
    const { id, version, state } = first;
    const keeps = first.priority > priority;
    return [{ rollout: id, version, state, priority: first.priority, devices: members.length, keeps }];
  });
}
