import t, { type Test } from "tap";
import { join } from "node:path";
import { storeDeployment } from "../../../controller/fleet/deployments.ts";
import { ensureDevice } from "../../../controller/fleet/inventory.ts";
import { completeSpec } from "../../../controller/rollout/complete-spec.ts";
import { createRollout } from "../../../controller/rollout/create-rollout.ts";
import { readPlan } from "../../../controller/rollout/read-plan.ts";
import type { RolloutRequest } from "../../../controller/rollout/rollout-spec.ts";
import { membersOf } from "../../../controller/rollout/rollouts.ts";
import { registerBundle } from "../../../controller/store/catalogue.ts";
import { openStore, type Store } from "../../../controller/store/store.ts";
import type { DeviceId } from "../../../protocol/ids.ts";
import { DIGITS, INFO, modelJson, NOW_MS, slotFor, statement } from "../../support/device-views.ts";

const MB = 1024 ** 2;
const cams = ["cam-1", "cam-2"] as DeviceId[];
const entryOf = (digit: string, version: string) => ({
  statement: statement(digit),
  model: modelJson(version),
  archive: { ...slotFor(digit, version).archive, length: 10 * MB },
  pushedMs: NOW_MS,
});
const v1 = entryOf("a", "1.0.0");
const v2 = entryOf("b", "2.0.0");

async function openWorld(t: Test) {
  const opened = await openStore(join(t.testdir(), "controller.db"));
  const { store } = opened;
  for (const device of cams) {
    await ensureDevice(store, device, NOW_MS);
    await storeDeployment(store, { device, seq: 1, slots: [] }, NOW_MS);
  }
  await store
    .updateTable("devices")
    .set({ online: 1, info_json: JSON.stringify(INFO) })
    .execute();
  for (const bundle of [v1, v2]) await registerBundle(store, bundle);
  return opened;
}

const specOf = (entry: typeof v1, request: Partial<RolloutRequest> = {}) =>
  completeSpec({ model: DIGITS, version: entry.model.version, selector: "", ...request });

/** As the handler does it. */
async function begin(store: Store, entry: typeof v1, request: Partial<RolloutRequest> = {}): Promise<number> {
  const spec = specOf(entry, request);
  const { plan, foresight } = await readPlan(store, spec, NOW_MS);
  const devices = plan.devices.map(({ device }) => device);
  const rollout = { entry, spec, selector: "all devices", author: "ada", devices, foretold: foresight.devices };
  return createRollout(store, rollout, NOW_MS);
}

t.test("the first plan of a fleet promises no times; the next one knows each device's own link", async (t) => {
  await using world = await openWorld(t);
  const { store } = world;
  const first = await readPlan(store, specOf(v1), NOW_MS);
  for (const told of first.foresight.devices.values()) t.match(told, { bytes: 10 * MB, ms: undefined, basis: "none" });

  const id = await begin(store, v1);
  const done = { state: "done", started_ms: NOW_MS, done_ms: NOW_MS + 30_000, fetched_bytes: 5 * MB } as const;
  await store
    .updateTable("rollout_devices")
    .set({ ...done, fetched_ms: 20_000 })
    .where("device", "=", "cam-1" as DeviceId)
    .execute();
  await store.updateTable("rollouts").set({ state: "completed" }).where("id", "=", id).execute();

  const { foresight } = await readPlan(store, specOf(v2), NOW_MS);
  t.match(foresight.devices.get("cam-1" as DeviceId), { ms: 50_000, basis: "device" });
  t.match(foresight.devices.get("cam-2" as DeviceId), { ms: 50_000, basis: "fleet" });

  await t.test("and what was foretold is kept beside the device", async (t) => {
    await begin(store, v2);
    const [member] = await membersOf(store, 2);
    t.same(JSON.parse(member?.predicted_json ?? "null"), { bytes: 10 * MB, ms: 50_000, basis: "device" });
  });
});

t.test("a rollout that is under way on the same devices is named, and who will have them", async (t) => {
  await using world = await openWorld(t);
  const id = await begin(world.store, v1, { priority: 5 });
  const rivalsOf = async (priority: number) => (await readPlan(world.store, specOf(v2, { priority }), NOW_MS)).rivals;
  t.match(await rivalsOf(0), [{ rollout: id, version: "1.0.0", priority: 5, devices: 2, keeps: true }]);
  t.match(await rivalsOf(5), [{ keeps: false }]);
  await world.store.updateTable("rollouts").set({ state: "completed" }).execute();
  t.same(await rivalsOf(0), [], "a finished one is in nobody's way");
});
