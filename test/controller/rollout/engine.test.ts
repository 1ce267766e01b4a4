import t, { type Test } from "tap";
import { join } from "node:path";
import { systemClock } from "../../../common/clock.ts";
import { openLog } from "../../../common/log.ts";
import { deploymentOf, storeDeployment } from "../../../controller/fleet/deployments.ts";
import { ensureDevice } from "../../../controller/fleet/inventory.ts";
import { openRolloutEngine, type RolloutEngine } from "../../../controller/rollout/engine.ts";
import { completeSpec } from "../../../controller/rollout/complete-spec.ts";
import { createRollout } from "../../../controller/rollout/create-rollout.ts";
import type { RolloutRequest } from "../../../controller/rollout/rollout-spec.ts";
import { membersOf, rolloutById } from "../../../controller/rollout/rollouts.ts";
import { registerBundle, type CatalogueEntry } from "../../../controller/store/catalogue.ts";
import { openStore, type Store } from "../../../controller/store/store.ts";
import type { DeviceId } from "../../../protocol/ids.ts";
import type { Report } from "../../../protocol/trust/report.ts";
import { modelJson, NOW_MS, reportOf, serving, slotFor, statement } from "../../support/device-views.ts";

const cam = "cam-1" as DeviceId;
const entry = (digit: string, version: string): CatalogueEntry => ({
  statement: statement(digit),
  model: modelJson(version),
  archive: slotFor(digit, version).archive,
  pushedMs: NOW_MS,
});
const v1 = entry("a", "1.0.0");
const v2 = entry("b", "2.0.0");

const noGates = () => Promise.resolve([]);

interface Fixture extends AsyncDisposable {
  readonly store: Store;
  readonly engine: RolloutEngine;
  readonly published: DeviceId[];
  /** As an accepted report leaves it. */
  readonly report: (changes: Partial<Report>) => Promise<void>;
  readonly states: (rollout: number) => Promise<{ rollout: string | undefined; devices: string[] }>;
}

async function openFixture(t: Test, path = join(t.testdir(), "controller.db")): Promise<Fixture> {
  await using resources = new AsyncDisposableStack();
  const { store } = resources.use(await openStore(path));
  const published: DeviceId[] = [];
  const log = openLog("test", "silent");
  const publish = (devices: readonly DeviceId[]) => void published.push(...devices);
  const engine = resources.use(openRolloutEngine({ store, publish, readGates: noGates, clock: systemClock, log }));
  let counter = Date.now();
  const opened = resources.move();
  return {
    store,
    engine,
    published,
    report: async (changes) => {
      const report_json = JSON.stringify(reportOf(cam, changes));
      counter += 1;
      const values = { counter, received_ms: NOW_MS, report_json };
      const insert = store.insertInto("reports").values({ device: cam, ...values });
      await insert.onConflict((conflict) => conflict.column("device").doUpdateSet(values)).execute();
      engine.touch(cam);
      await engine.settle();
    },
    states: async (rollout) => ({
      rollout: (await rolloutById(store, rollout))?.state,
      devices: (await membersOf(store, rollout)).map(({ state }) => state),
    }),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

async function withOnlineDevice(fixture: Fixture): Promise<void> {
  const { store } = fixture;
  await ensureDevice(store, cam, NOW_MS);
  await store.updateTable("devices").set({ online: 1 }).execute();
  await storeDeployment(store, { device: cam, seq: 1, slots: [] }, NOW_MS);
  for (const bundle of [v1, v2]) await registerBundle(store, bundle);
}

const begin = async (
  { store, engine }: Fixture,
  bundle: CatalogueEntry,
  request: Partial<RolloutRequest> = {},
): Promise<number> => {
  const { name: model, version } = bundle.model;
  const spec = completeSpec({ model, version, ...request });
  const rollout = { entry: bundle, spec, selector: "all devices", author: "ada", devices: [cam] };
  const id = await createRollout(store, { ...rollout, foretold: new Map() }, NOW_MS);
  await engine.settle();
  return id;
};

t.test("a rollout asks the device, waits for its evidence, and takes it back when the device falls back", async (t) => {
  await using fixture = await openFixture(t);
  await withOnlineDevice(fixture);
  const id = await begin(fixture, v1);
  t.match(await deploymentOf(fixture.store, cam), { seq: 2, slots: [{ statement: v1.statement }] });
  t.ok(fixture.published.includes(cam));
  t.same(await fixture.states(id), { rollout: "running", devices: ["deploying"] });

  await fixture.report({ seq: 2, slots: [serving("a", "1.0.0")] });
  t.same(await fixture.states(id), { rollout: "completed", devices: ["done"] });

  const refusal = { code: "runner-crash", message: "three crashes in a minute" } as const;
  await fixture.report({
    seq: 2,
    slots: [serving("b", "0.9.0", { desired: statement("a"), phase: "rolled-back", refusal })],
  });
  t.same(await fixture.states(id), { rollout: "failed", devices: ["failed"] });
  t.match(await membersOf(fixture.store, id), [{ why: "runner-crash: three crashes in a minute" }]);

  await fixture.report({ seq: 2, slots: [serving("a", "1.0.0")] });
  t.same(await fixture.states(id), { rollout: "completed", devices: ["done"] });
});

t.test("a later rollout of the model supersedes what was not done, and leaves what was", async (t) => {
  await using fixture = await openFixture(t);
  await withOnlineDevice(fixture);
  const first = await begin(fixture, v1);
  const second = await begin(fixture, v2);
  t.same(await fixture.states(first), { rollout: "superseded", devices: ["superseded"] });
  t.match(await membersOf(fixture.store, first), [{ why: /rollout 2 takes this device to digits@2\.0\.0/ }]);
  t.match(
    await deploymentOf(fixture.store, cam),
    { seq: 3, slots: [{ statement: v2.statement }] },
    "one slot, replaced",
  );

  await fixture.report({ seq: 3, slots: [serving("b", "2.0.0")] });
  t.same(await fixture.states(second), { rollout: "completed", devices: ["done"] });
  const back = await begin(fixture, v1);
  await fixture.report({ seq: 4, slots: [serving("a", "1.0.0")] });
  t.same(await fixture.states(back), { rollout: "completed", devices: ["done"] });
  t.same(await fixture.states(second), { rollout: "completed", devices: ["done"] }, "history stays what it was");
});

t.test("a device that failed an earlier rollout stays failed there: what happened is not rewritten", async (t) => {
  await using fixture = await openFixture(t);
  await withOnlineDevice(fixture);
  const first = await begin(fixture, v1);
  const refusal = { code: "self-test", message: "case 3 is NaN" } as const;
  await fixture.report({ seq: 2, slots: [{ slot: v1.model.name, phase: "failed", desired: v1.statement, refusal }] });
  const second = await begin(fixture, v2);
  await fixture.report({ seq: 3, slots: [serving("b", "2.0.0")] });
  t.same(await fixture.states(first), { rollout: "failed", devices: ["failed"] });
  t.same(await fixture.states(second), { rollout: "completed", devices: ["done"] });
});

t.test("an offline device waits, and gets its deployment when it is back", async (t) => {
  await using fixture = await openFixture(t);
  await withOnlineDevice(fixture);
  await fixture.store.updateTable("devices").set({ online: 0, online_since_ms: NOW_MS }).execute();
  const id = await begin(fixture, v1);
  t.match(await membersOf(fixture.store, id), [{ state: "waiting", why: "offline since 2026-11-21T12:00:00Z" }]);
  t.match(await deploymentOf(fixture.store, cam), { seq: 1, slots: [] });
  await fixture.store.updateTable("devices").set({ online: 1 }).execute();
  await fixture.engine.settle();
  t.match(await deploymentOf(fixture.store, cam), { seq: 2 });
});

t.test("a rollout goes on where it was after a restart of the controller", async (t) => {
  const path = join(t.testdir(), "controller.db");
  let id: number;
  {
    await using before = await openFixture(t, path);
    await withOnlineDevice(before);
    id = await begin(before, v1);
  }
  await using after = await openFixture(t, path);
  await after.report({ seq: 2, slots: [serving("a", "1.0.0")] });
  t.same(await after.states(id), { rollout: "completed", devices: ["done"] });
  t.match(await deploymentOf(after.store, cam), { seq: 2 }, "nothing was issued twice");
});

t.test("a device that runs the bundle already is asked all the same, and confirms", async (t) => {
  await using fixture = await openFixture(t);
  await withOnlineDevice(fixture);
  await begin(fixture, v1);
  await fixture.report({ seq: 2, slots: [serving("a", "1.0.0")] });
  const again = await begin(fixture, v1);
  t.match(await deploymentOf(fixture.store, cam), { seq: 2 }, "the deployment asks for it already: no new sequence");
  t.same(await fixture.states(again), { rollout: "running", devices: ["deploying"] });
  await fixture.report({ seq: 2, slots: [serving("a", "1.0.0")] });
  t.same(await fixture.states(again), { rollout: "completed", devices: ["done"] });
});
