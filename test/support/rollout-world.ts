/** A rollout engine on a real database, with devices that are rows: what they report is stored as an accepted report is. */
import type { Test } from "tap";
import { join } from "node:path";
import type { Clock } from "../../common/clock.ts";
import { openLog } from "../../common/log.ts";
import { storeDeployment } from "../../controller/fleet/deployments.ts";
import { ensureDevice } from "../../controller/fleet/inventory.ts";
import { applyVerb } from "../../controller/rollout/apply-verb.ts";
import { completeSpec } from "../../controller/rollout/complete-spec.ts";
import { createRollout } from "../../controller/rollout/create-rollout.ts";
import { openRolloutEngine, type RolloutEngine } from "../../controller/rollout/engine.ts";
import type { ReadGates } from "../../controller/rollout/gate-request.ts";
import type { RolloutRequest } from "../../controller/rollout/rollout-spec.ts";
import { membersOf, rolloutById } from "../../controller/rollout/rollouts.ts";
import type { Verb } from "../../controller/rollout/verbs.ts";
import { registerBundle, type CatalogueEntry } from "../../controller/store/catalogue.ts";
import { openStore, type Store } from "../../controller/store/store.ts";
import { NOTHING_ELSE } from "../../controller/store/store.ts";
import type { DeviceId } from "../../protocol/ids.ts";
import type { Report } from "../../protocol/trust/report.ts";
import { INFO, modelJson, NOW_MS, reportOf, slotFor, statement } from "./device-views.ts";

export const bundleOf = (digit: string, version: string): CatalogueEntry => ({
  statement: statement(digit),
  model: modelJson(version),
  archive: slotFor(digit, version).archive,
  pushedMs: NOW_MS,
});
export const V1 = bundleOf("a", "1.0.0");
export const V2 = bundleOf("b", "2.0.0");

export interface RolloutWorld extends AsyncDisposable {
  readonly store: Store;
  readonly engine: RolloutEngine;
  /** Whose deployments were to be sent, transaction by transaction. */
  readonly published: (readonly DeviceId[])[];
  /** What time it is; the test moves it. */
  nowMs: number;
  /** Online, with its first deployment. */
  readonly join: (...devices: string[]) => Promise<void>;
  readonly presence: (device: string, online: boolean) => Promise<void>;
  readonly begin: (
    bundle: CatalogueEntry,
    devices: readonly string[],
    request?: Partial<RolloutRequest>,
  ) => Promise<number>;
  readonly report: (device: string, changes: Partial<Report>) => Promise<void>;
  /** Gives the sentence that says what was done. */
  readonly tell: (rollout: number, verb: Verb, by?: string) => Promise<string>;
  /** Time goes by, and the engine looks. */
  readonly after: (ms: number) => Promise<void>;
  /** `running 1 deploying`, and the members as `cam-1 deploying`. */
  readonly standing: (rollout: number) => Promise<{ readonly rollout: string; readonly devices: string[] }>;
}

export async function openRolloutWorld(
  t: Test,
  { readGates = () => Promise.resolve([]) }: { readonly readGates?: ReadGates } = {},
): Promise<RolloutWorld> {
  await using resources = new AsyncDisposableStack();
  const { store } = resources.use(await openStore(join(t.testdir(), "controller.db")));
  for (const bundle of [V1, V2]) await registerBundle(store, bundle);
  const published: (readonly DeviceId[])[] = [];
  const clock: Clock = {
    nowMs: () => world.nowMs,
    monotonicMs: () => world.nowMs,
    // It looks only when the test says so.
    sleep: (_ms, signal) =>
      new Promise((resolve) => {
        const end = () => {
          resolve();
        };
        if (signal?.aborted === true) end();
        else signal?.addEventListener("abort", end, { once: true });
      }),
  };
  const publish = (devices: readonly DeviceId[]) => {
    if (devices.length > 0) published.push(devices);
  };
  const engine = resources.use(openRolloutEngine({ store, publish, readGates, clock, log: openLog("test", "silent") }));
  const opened = resources.move();
  let counter = 1;
  const world: RolloutWorld = {
    store,
    engine,
    published,
    nowMs: NOW_MS,
    join: async (...devices) => {
      for (const device of devices as DeviceId[]) {
        await ensureDevice(store, device, NOW_MS);
        await storeDeployment(store, { device, seq: 1, slots: [] }, NOW_MS);
        const row = { online: 1 as const, info_json: JSON.stringify(INFO) };
        await store.updateTable("devices").set(row).where("id", "=", device).execute();
        engine.touch(device);
      }
      await engine.settle();
    },
    presence: async (device, online) => {
      const row = { online: online ? (1 as const) : (0 as const), online_since_ms: world.nowMs };
      await store
        .updateTable("devices")
        .set(row)
        .where("id", "=", device as DeviceId)
        .execute();
      engine.touch(device as DeviceId);
      await engine.settle();
    },
    begin: async (entry, devices, request = {}) => {
      const { name: model, version } = entry.model;
      const spec = completeSpec({ model, version, gates: [], ...request });
      const rollout = {
        entry,
        spec,
        selector: "all devices",
        author: "ada",
        devices: devices as DeviceId[],
        foretold: new Map(),
      };
      const id = await createRollout(store, rollout, world.nowMs);
      await engine.settle();
      return id;
    },
    report: async (device, changes) => {
      counter += 1;
      const values = { counter, received_ms: world.nowMs, report_json: JSON.stringify(reportOf(device, changes)) };
      await store
        .insertInto("reports")
        .values({ device: device as DeviceId, ...values })
        .onConflict((conflict) => conflict.column("device").doUpdateSet(values))
        .execute();
      engine.touch(device as DeviceId);
      await engine.settle();
    },
    tell: async (rollout, verb, by = "ada") => {
      const text = await applyVerb(store, { rollout, verb, by }, world.nowMs, () => NOTHING_ELSE);
      await engine.settle();
      return text;
    },
    after: async (ms) => {
      world.nowMs += ms;
      await engine.settle();
    },
    standing: async (rollout) => {
      const row = await rolloutById(store, rollout);
      const members = await membersOf(store, rollout);
      return {
        rollout: row === undefined ? "gone" : `${row.state} ${row.stage} ${row.stage_phase}`,
        devices: members.map(({ device, state }) => `${device} ${state}`),
      };
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
  return world;
}
