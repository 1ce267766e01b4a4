/** What a person is shown of a rollout's members: some of them, and figures over all that no row of theirs has to be read for. */
import { sql } from "kysely";
import type { ModelVersion } from "../../protocol/ids.ts";
import type { Store } from "../store/store.ts";
import type { RolloutDeviceRow } from "../store/tables.ts";
import { previousOf } from "./rollout-rows.ts";

export interface ShownMembers {
  /** At most `limit`: what needs a person first, then ascending by device. */
  readonly rows: readonly RolloutDeviceRow[];
  /** Of all its members. */
  readonly offline: number;
  /** The versions that its members had before it. */
  readonly from: readonly ModelVersion[];
}

/** What needs a person first. */
const ORDER = sql`CASE state WHEN 'failed' THEN 0 WHEN 'reverting' THEN 1 WHEN 'deploying' THEN 2 WHEN 'waiting' THEN 3
  WHEN 'reverted' THEN 4 WHEN 'superseded' THEN 5 ELSE 6 END`;

export async function readShownMembers(store: Store, rollout: number, limit: number): Promise<ShownMembers> {
  const ofRollout = store.selectFrom("rollout_devices").where("rollout", "=", rollout);
  const rows = await ofRollout.selectAll().orderBy(ORDER).orderBy("device").limit(limit).execute();
  const { offline } = await ofRollout
    .innerJoin("devices", "devices.id", "rollout_devices.device")
    .where("devices.online", "=", 0)
    .select(({ fn }) => fn.countAll<number>().as("offline"))
    .executeTakeFirstOrThrow();
  const before = await ofRollout.select("previous_json").distinct().execute();
  const versions = before.flatMap((row) => previousOf(row)?.version ?? []);
  return { rows, offline, from: [...new Set(versions)].sort() };
}
