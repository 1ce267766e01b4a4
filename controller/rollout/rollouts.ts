/** Rollouts as rows, read for people; see `create-rollout.ts` for how one begins. */
import type { DeviceId } from "../../protocol/ids.ts";
import type { Store } from "../store/store.ts";
import type { RolloutDeviceRow, RolloutRow } from "../store/tables.ts";

/** Ascending by device. */
export async function membersOf(store: Store, rollout: number): Promise<RolloutDeviceRow[]> {
  return store.selectFrom("rollout_devices").selectAll().where("rollout", "=", rollout).orderBy("device").execute();
}

export async function rolloutById(store: Store, id: number): Promise<RolloutRow | undefined> {
  return store.selectFrom("rollouts").selectAll().where("id", "=", id).executeTakeFirst();
}

/** Newest first. */
export async function listRollouts(store: Store, limit: number): Promise<RolloutRow[]> {
  return store.selectFrom("rollouts").selectAll().orderBy("id", "desc").limit(limit).execute();
}

/** A device's place in a rollout, with what the rollout brings. */
export type DeviceRolloutRow = RolloutDeviceRow & Pick<RolloutRow, "name" | "version">;

/** The newest rollout of each model that has the device. */
export async function rolloutsOfDevice(store: Store, device: DeviceId): Promise<DeviceRolloutRow[]> {
  const rows = await store
    .selectFrom("rollout_devices")
    .innerJoin("rollouts", "rollouts.id", "rollout_devices.rollout")
    .selectAll("rollout_devices")
    .select(["rollouts.name", "rollouts.version"])
    .where("rollout_devices.device", "=", device)
    .orderBy("rollouts.id", "desc")
    .execute();
  return rows.filter(({ name }, at) => rows.findIndex((other) => other.name === name) === at);
}
