/** What each device is to run, as rows: the source of its signed deployments. */
import { Type } from "typebox";
import type { DeviceId, ModelName } from "../../protocol/ids.ts";
import { SLOTS_MAX } from "../../protocol/limits.ts";
import { gate } from "../../protocol/schema.ts";
import { DeployedSlot } from "../../protocol/trust/deployment.ts";
import type { Store } from "../store/store.ts";

export interface StoredDeployment {
  readonly device: DeviceId;
  readonly seq: number;
  readonly slots: readonly DeployedSlot[];
}

const readSlots = gate("stored slots", Type.Array(DeployedSlot, { maxItems: SLOTS_MAX }));

export function slotsFrom(json: string): readonly DeployedSlot[] {
  return readSlots(JSON.parse(json));
}

export async function deploymentOf(store: Store, device: DeviceId): Promise<StoredDeployment | undefined> {
  const row = await store.selectFrom("deployments").selectAll().where("device", "=", device).executeTakeFirst();
  return row === undefined ? undefined : { device, seq: row.seq, slots: slotsFrom(row.slots_json) };
}

/** The sequence of a device never goes backwards: a lower or equal one than the stored is a programmer's mistake. */
export async function storeDeployment(store: Store, deployment: StoredDeployment, nowMs: number): Promise<void> {
  const { device, seq, slots } = deployment;
  const values = { seq, slots_json: JSON.stringify(slots), changed_ms: nowMs };
  const result = await store
    .insertInto("deployments")
    .values({ device, ...values })
    .onConflict((conflict) => conflict.column("device").doUpdateSet(values).where("deployments.seq", "<", seq))
    .executeTakeFirst();
  if (result.numInsertedOrUpdatedRows === 0n) throw new Error(`the sequence of ${device} would not ascend to ${seq}`);
}

/**
 * Above every sequence that changes of wishes lead to: one a millisecond for 30 years. Whoever is beyond it was sent there
 * by somebody with the director's key, and the numbers that are left might not last.
 */
export const SEQUENCE_MAX = 2 ** 40;

/**
 * For use after the director's keys have changed, when devices begin their sequence again: brings numbers back from where
 * somebody with the former key has sent them. What is wished stays.
 */
export async function restartSequences(store: Store): Promise<void> {
  await store.updateTable("deployments").set({ seq: 1 }).where("seq", ">", SEQUENCE_MAX).execute();
}

/** The same slots but this one replaced, or added at the end. */
export function withSlot(slots: readonly DeployedSlot[], slot: DeployedSlot): readonly DeployedSlot[] {
  const isThere = slots.some((other) => other.slot === slot.slot);
  return isThere ? slots.map((other) => (other.slot === slot.slot ? slot : other)) : [...slots, slot];
}

/** The same slots without this one. */
export function withoutSlot(slots: readonly DeployedSlot[], name: ModelName): readonly DeployedSlot[] {
  return slots.filter(({ slot }) => slot !== name);
}
