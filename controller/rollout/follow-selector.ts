/** Rollouts that follow their selector: devices that come to match it later are taken too. */
import type { DeviceId } from "../../protocol/ids.ts";
import { readSelector } from "../fleet/groups.ts";
import { readDevices } from "../fleet/read-devices.ts";
import { recordEvent } from "../fleet/events.ts";
import { selects } from "../fleet/selector.ts";
import { bundleByStatement, bundlesOf } from "../store/catalogue.ts";
import type { Store } from "../store/store.ts";
import type { RolloutRow } from "../store/tables.ts";
import { addMembers } from "./create-rollout.ts";
import { planRollout } from "./plan.ts";
import { specOf } from "./rollout-rows.ts";

/** Devices that join one rollout in one transaction; whoever is left is heard of again. */
const JOINS_MAX = 500;

/** `touched`: devices of which something was heard. The newest rollout of a model comes first: a device joins one of them. */
export async function followSelectors(store: Store, touched: ReadonlySet<DeviceId>, nowMs: number): Promise<void> {
  if (touched.size === 0) return;
  const rollouts = await store
    .selectFrom("rollouts")
    .selectAll()
    .where("follow", "=", 1)
    .where("state", "in", ["running", "completed", "failed"])
    .orderBy("priority", "desc")
    .orderBy("id", "desc")
    .execute();
  for (const rollout of rollouts) {
    const strangers = await strangersTo(store, rollout, [...touched].slice(0, JOINS_MAX));
    if (strangers.length > 0) await joinMatching(store, rollout, strangers, nowMs);
  }
}

/** Those that the rollout does not have, and that no later rollout of the model has. */
async function strangersTo(store: Store, rollout: RolloutRow, devices: readonly DeviceId[]): Promise<DeviceId[]> {
  const taken = await store
    .selectFrom("rollout_devices")
    .innerJoin("rollouts", "rollouts.id", "rollout_devices.rollout")
    .select("rollout_devices.device")
    .where("rollouts.name", "=", rollout.name)
    .where("rollouts.id", ">=", rollout.id)
    .where("rollout_devices.device", "in", devices)
    .execute();
  const takenDevices = new Set(taken.map(({ device }) => device));
  return devices.filter((device) => !takenDevices.has(device));
}

async function joinMatching(
  store: Store,
  rollout: RolloutRow,
  strangers: readonly DeviceId[],
  nowMs: number,
): Promise<void> {
  await store.transaction().execute(async (trx) => {
    const selector = await readSelector(trx, specOf(rollout).selector ?? "");
    const devices = (await readDevices(trx, strangers)).filter(({ labels }) => selects(selector, labels));
    const bundle = await bundleByStatement(trx, rollout.statement);
    if (bundle === undefined || devices.length === 0) return;
    const plan = planRollout({
      bundle,
      params: specOf(rollout).params,
      archiveBytes: bundle.archive.length,
      versions: await bundlesOf(trx, rollout.name),
      devices,
      allowInterfaceChange: specOf(rollout).allowInterfaceChange,
      mode: specOf(rollout).mode,
    });
    const joining = plan.devices.filter(({ action }) => action !== "cannot").map(({ device }) => device);
    if (joining.length === 0) return;
    await addMembers(trx, rollout.id, joining, nowMs);
    for (const device of joining) {
      const text = `${device} matches ${rollout.selector}, which rollout ${rollout.id} follows: it takes part`;
      await recordEvent(trx, { kind: "rollout-changed", device, rollout: rollout.id, text }, nowMs);
    }
  });
}
