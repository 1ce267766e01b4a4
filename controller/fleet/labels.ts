import { EXIT, FerryError } from "../../common/ferry-error.ts";
import type { DeviceId, Labels } from "../../protocol/ids.ts";
import { LABELS_MAX } from "../../protocol/limits.ts";
import { NOTHING_ELSE, type InTransaction, type Store } from "../store/store.ts";

/** The operator's labels win over the device's own of the same key. */
export function effectiveLabels(own: Labels, operator: Labels): Labels {
  return { ...own, ...operator };
}

/** A value to set, or null to take the operator's label away (the device's own shows again). */
export type LabelChanges = Readonly<Record<string, string | null>>;

/** Throws `too-many-labels`. */
export async function changeLabels(
  store: Store,
  device: DeviceId,
  changes: LabelChanges,
  also: InTransaction = NOTHING_ELSE,
): Promise<void> {
  await store.transaction().execute(async (trx) => {
    for (const [key, value] of Object.entries(changes)) {
      if (value === null) {
        await trx.deleteFrom("device_labels").where("device", "=", device).where("key", "=", key).execute();
      } else {
        await trx
          .insertInto("device_labels")
          .values({ device, key, value })
          .onConflict((conflict) => conflict.columns(["device", "key"]).doUpdateSet({ value }))
          .execute();
      }
    }
    const { count } = await trx
      .selectFrom("device_labels")
      .select(({ fn }) => fn.countAll<number>().as("count"))
      .where("device", "=", device)
      .executeTakeFirstOrThrow();
    if (count > LABELS_MAX) {
      throw new FerryError(
        "too-many-labels",
        `${device} would have ${count} labels; at most ${LABELS_MAX} are allowed`,
        {
          hint: "Remove some: `ferry device label DEVICE key-`.",
          exitCode: EXIT.usage,
        },
      );
    }
    await also(trx);
  });
}
