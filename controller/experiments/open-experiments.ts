/** Runs the experiments: counts what their devices tell, keeps their splits alive, and ends them when their time is over. */
import { setImmediate as turn } from "node:timers/promises";
import type { Clock } from "../../common/clock.ts";
import { messageOf } from "../../common/ferry-error.ts";
import type { Log } from "../../common/log.ts";
import type { DeviceId } from "../../protocol/ids.ts";
import { orderOf } from "../rollout/order-of.ts";
import { NOTHING_ELSE, type Store } from "../store/store.ts";
import type { ExperimentRow } from "../store/tables.ts";
import { countDevice } from "./count-telemetry.ts";
import { decideExperiment, type ExperimentMember } from "./decide-experiment.ts";
import { DeviceTally } from "./device-tally.ts";
import { endOnly, keepFormer } from "./end-experiment.ts";
import { experimentResults, type Counted } from "./experiment-results.ts";
import type { ExperimentResults } from "./experiment-shape.ts";
import { comparedMetrics, experimentSpecOf, runningExperiments } from "./experiments.ts";

export interface ExperimentPorts {
  readonly store: Store;
  /** Lets the rollout engine look at once. */
  readonly settle: () => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Experiments {
  readonly results: (row: ExperimentRow) => Promise<ExperimentResults>;
  /** One look at all of them. */
  readonly look: () => Promise<void>;
  readonly run: (signal: AbortSignal) => Promise<void>;
}

/** Devices sum up ten seconds into one record: twice as often shows each soon. */
const LOOK_MS = 5_000;
/** What was counted is written this often: after a crash, what came since is read again. */
const SAVE_MS = 60_000;
/** Devices that are measured, drawn as by lot: two hundred tell what ten thousand would, at 40 kB of memory each. */
export const MEASURED_MAX = 200;
/** What devices counted before it ended comes with their next batch. */
const LINGER_MS = 30_000;

/** What one experiment has counted so far. */
interface Watched {
  readonly tallies: Map<DeviceId, DeviceTally>;
  readonly changed: Set<DeviceId>;
  savedMs: number;
}

export function openExperiments({ store, settle, clock, log }: ExperimentPorts): Experiments {
  const watched = new Map<number, Watched>();

  async function watch(row: ExperimentRow): Promise<Watched> {
    const known = watched.get(row.id) ?? {
      tallies: await storedTallies(store, row),
      changed: new Set<DeviceId>(),
      savedMs: clock.monotonicMs(),
    };
    watched.set(row.id, known);
    return known;
  }

  async function count(row: ExperimentRow, members: readonly ExperimentMember[]): Promise<void> {
    const { tallies, changed } = await watch(row);
    const metrics = comparedMetrics(experimentSpecOf(row)).map(({ metric }) => metric);
    const arms = { slot: row.model, former: row.former, candidate: row.candidate };
    for (const { device } of measured(row, members, tallies)) {
      const tally = tallies.get(device) ?? new DeviceTally(metrics);
      tallies.set(device, tally);
      if (await countDevice(store, arms, { device, sinceMs: row.created_ms, tally })) changed.add(device);
      await turn();
    }
  }

  async function save(row: ExperimentRow): Promise<void> {
    const known = watched.get(row.id);
    if (known === undefined) return;
    const { tallies, changed } = known;
    await store.transaction().execute(async (trx) => {
      for (const device of changed) {
        const tally_json = tallies.get(device)?.toText() ?? "";
        await trx
          .insertInto("experiment_tallies")
          .values({ experiment: row.id, device, tally_json })
          .onConflict((conflict) => conflict.columns(["experiment", "device"]).doUpdateSet({ tally_json }))
          .execute();
      }
    });
    changed.clear();
    known.savedMs = clock.monotonicMs();
  }

  async function lookAt(row: ExperimentRow): Promise<void> {
    const members = await membersOf(store, row.rollout);
    await count(row, members);
    const rollout = await store
      .selectFrom("rollouts")
      .select(["id", "state", "why"])
      .where("id", "=", row.rollout)
      .executeTakeFirst();
    const decision = decideExperiment({ endsMs: row.ends_ms, rollout, members, nowMs: clock.nowMs() });
    switch (decision.kind) {
      case "go-on":
        break;
      case "renew":
        await renew(store, row.rollout, decision.devices, clock.nowMs());
        await settle();
        break;
      case "end": {
        const { state, why, takeBack } = decision;
        const ending = { experiment: row, state, by: "(system)", why };
        await (takeBack ? keepFormer : endOnly)(store, ending, clock.nowMs(), NOTHING_ELSE);
        await settle();
        break;
      }
    }
    if (decision.kind === "end" || clock.monotonicMs() - (watched.get(row.id)?.savedMs ?? 0) >= SAVE_MS)
      await save(row);
  }

  /** Their last records are still to come; after that, what was counted stands. */
  async function lingerOver(id: number): Promise<void> {
    const row = await store.selectFrom("experiments").selectAll().where("id", "=", id).executeTakeFirst();
    if (row === undefined) {
      watched.delete(id);
      return;
    }
    await count(row, await membersOf(store, row.rollout));
    if (clock.nowMs() - (row.ended_ms ?? 0) < LINGER_MS) return;
    await save(row);
    watched.delete(id);
  }

  async function look(): Promise<void> {
    const running = await runningExperiments(store);
    const ids = new Set(running.map(({ id }) => id));
    for (const row of running) await lookAt(row);
    for (const id of watched.keys()) if (!ids.has(id)) await lingerOver(id);
  }

  return {
    look,
    results: async (row) => {
      const spec = experimentSpecOf(row);
      const tallies = watched.get(row.id)?.tallies ?? (await storedTallies(store, row));
      const counted: Counted[] = [...tallies].map(([device, tally]) => ({ device, tally }));
      const { candidate, state } = row;
      const { share, alpha } = spec;
      const question = { metrics: comparedMetrics(spec), share, alpha, candidate, isOver: state !== "running" };
      return experimentResults(question, counted);
    },
    run: async (signal) => {
      while (!signal.aborted) {
        try {
          await look();
        } catch (thrown) {
          log.error({ error: messageOf(thrown) }, "an experiment could not be looked at; trying again");
        }
        await clock.sleep(LOOK_MS, signal);
      }
      for (const row of await runningExperiments(store)) await save(row);
    },
  };
}

/** Those that are measured already; the others in the order in which the rollout takes them, which is no device's own. */
function measured(
  { rollout }: ExperimentRow,
  members: readonly ExperimentMember[],
  tallies: ReadonlyMap<DeviceId, unknown>,
): readonly ExperimentMember[] {
  const begun = members.filter(({ startedMs }) => startedMs !== null);
  const known = begun.filter(({ device }) => tallies.has(device));
  const others = begun
    .filter(({ device }) => !tallies.has(device))
    .sort((one, other) => orderOf(rollout, one.device) - orderOf(rollout, other.device));
  return [...known, ...others].slice(0, MEASURED_MAX);
}

async function membersOf(store: Store, rollout: number): Promise<readonly ExperimentMember[]> {
  const rows = await store
    .selectFrom("rollout_devices")
    .select(["device", "state", "ask", "live", "started_ms"])
    .where("rollout", "=", rollout)
    .execute();
  return rows.map(({ started_ms: startedMs, live, ...row }) => ({ ...row, live: live === 1, startedMs }));
}

async function storedTallies(store: Store, row: ExperimentRow): Promise<Map<DeviceId, DeviceTally>> {
  const metrics = comparedMetrics(experimentSpecOf(row)).map(({ metric }) => metric);
  const rows = await store.selectFrom("experiment_tallies").selectAll().where("experiment", "=", row.id).execute();
  return new Map(rows.map(({ device, tally_json }) => [device, DeviceTally.fromText(metrics, tally_json)]));
}

/** Without a sequence they are asked anew by the engine, as a retry does: the device begins another day beside A. */
async function renew(store: Store, rollout: number, devices: readonly DeviceId[], nowMs: number): Promise<void> {
  await store
    .updateTable("rollout_devices")
    .set({ seq: null, since_ms: nowMs, why: "its split is renewed for another day" })
    .where("rollout", "=", rollout)
    .where("live", "=", 1)
    .where("device", "in", devices)
    .execute();
}
