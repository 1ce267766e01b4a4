/** Rollouts as rows: created with their members, read for deciding and for people. */
import type { DeviceId } from "../../protocol/ids.ts";
import type { CatalogueEntry } from "../store/catalogue.ts";
import { NOTHING_ELSE, type InTransaction, type Store } from "../store/store.ts";
import type { RolloutDeviceRow, RolloutRow } from "../store/tables.ts";
import { recordEvent } from "../fleet/events.ts";

export interface NewRollout {
  readonly entry: CatalogueEntry;
  /** For people: what was asked for. */
  readonly selector: string;
  readonly devices: readonly DeviceId[];
}

/** Devices that an earlier rollout of the same model had not settled are superseded there. Gives the new id. */
export async function createRollout(
  store: Store,
  { entry, selector, devices }: NewRollout,
  nowMs: number,
  also: (id: number) => InTransaction = () => NOTHING_ELSE,
): Promise<number> {
  const { name, version } = entry.model;
  return store.transaction().execute(async (trx) => {
    const { id } = await trx
      .insertInto("rollouts")
      .values({
        statement: entry.statement,
        name,
        version,
        selector,
        state: "running",
        created_ms: nowMs,
        finished_ms: null,
      })
      .returning("id")
      .executeTakeFirstOrThrow();
    for (const device of devices) {
      await trx
        .insertInto("rollout_devices")
        .values({ rollout: id, device, state: "waiting", seq: null, since_ms: nowMs, why: "about to begin" })
        .execute();
      await trx
        .updateTable("rollout_devices")
        .set({ state: "superseded", since_ms: nowMs, why: `rollout ${id} takes this device to ${name}@${version}` })
        .where("device", "=", device)
        .where("rollout", "<", id)
        .where("state", "in", ["waiting", "deploying"])
        .where("rollout", "in", trx.selectFrom("rollouts").select("rollouts.id").where("name", "=", name))
        .execute();
    }
    const text = `rollout ${id}: ${name}@${version} to ${devices.length} devices (${selector})`;
    await recordEvent(trx, { kind: "rollout-created", text }, nowMs);
    await also(id)(trx);
    return id;
  });
}

/**
 * The rollouts that may still change: those with a device whose newest rollout of that model they are, and running ones.
 * A device that a later rollout took keeps what it was here: its reports are about the later one.
 */
export async function liveRollouts(store: Store): Promise<RolloutRow[]> {
  const live = liveMembersQuery(store).select("rollout_devices.rollout");
  return store
    .selectFrom("rollouts")
    .selectAll()
    .where((where) => where.or([where("state", "=", "running"), where("id", "in", live)]))
    .orderBy("id")
    .execute();
}

export interface MemberRow extends RolloutDeviceRow {
  /** True while no later rollout of the same model has the device. */
  readonly isLive: boolean;
}

export async function membersOf(store: Store, rollout: number): Promise<MemberRow[]> {
  const rows = await store
    .selectFrom("rollout_devices")
    .selectAll()
    .where("rollout", "=", rollout)
    .orderBy("device")
    .execute();
  const live = await liveMembersQuery(store)
    .select("rollout_devices.device")
    .where("rollout_devices.rollout", "=", rollout)
    .execute();
  const liveDevices = new Set(live.map(({ device }) => device));
  return rows.map((row) => ({ ...row, isLive: liveDevices.has(row.device) }));
}

function liveMembersQuery(store: Store) {
  return store
    .selectFrom("rollout_devices")
    .innerJoin("rollouts as own", "own.id", "rollout_devices.rollout")
    .where((where) =>
      where.not(
        where.exists(
          where
            .selectFrom("rollout_devices as later_member")
            .innerJoin("rollouts as later", "later.id", "later_member.rollout")
            .select("later.id")
            .whereRef("later_member.device", "=", "rollout_devices.device")
            .whereRef("later.name", "=", "own.name")
            .whereRef("later.id", ">", "own.id"),
        ),
      ),
    );
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
