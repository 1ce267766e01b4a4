/** One look at every rollout that may change: what was heard since the last look, and what is due by time. */
import { sql } from "kysely";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock } from "../../common/clock.ts";
import { FerryError, messageOf } from "../../common/ferry-error.ts";
import type { Log } from "../../common/log.ts";
import type { DeviceId } from "../../protocol/ids.ts";
import { recordEvent } from "../fleet/events.ts";
import { bundleByStatement, slotOf } from "../store/catalogue.ts";
import type { Store } from "../store/store.ts";
import type { RolloutRow } from "../store/tables.ts";
import { applyDecisions, type Outcome } from "./apply-decisions.ts";
import { decide } from "./decide.ts";
import { followSelectors } from "./follow-selector.ts";
import { createGateReader } from "./gate-reader.ts";
import type { ReadGates } from "./gate-request.ts";
import { NEW_SWEEP, readSituation, type SelectorSweep } from "./read-situation.ts";

export interface RolloutEnginePorts {
  readonly store: Store;
  /** Signs and sends what these devices are to run. */
  readonly publish: (devices: readonly DeviceId[]) => void;
  readonly readGates: ReadGates;
  readonly clock: Clock;
  readonly log: Log;
}

/** Unsettled members that are looked at again at each pass although nothing was heard of them: an event may have been lost. */
const LOOKED_AGAIN = 200;
/** Looks at one rollout in one pass: each changes up to 250 deployments; the rest follows at the next pass. */
const LOOKS_MAX = 40;
/** Devices heard of that one look, and so one transaction, is about. */
const TOUCHED_MAX = 500;

export function createRolloutPass(ports: RolloutEnginePorts): (touched: ReadonlySet<DeviceId>) => Promise<void> {
  const { store, log, clock } = ports;
  const gates = createGateReader(ports);
  const sweeps = new Map<number, SelectorSweep>();
  /** Where looking again goes on: behind this member. */
  let cursor: MemberKey = FIRST;

  async function look(row: RolloutRow, touched: readonly DeviceId[]): Promise<Outcome> {
    const results = await gates.resultsFor(row, clock.nowMs());
    const sweep = sweeps.get(row.id) ?? { ...NEW_SWEEP };
    sweeps.set(row.id, sweep);
    return store.transaction().execute(async (trx) => {
      const entry = await bundleByStatement(trx, row.statement);
      if (entry === undefined) throw new Error(`rollout ${row.id} is about a bundle that is not in the catalogue`);
      const situation = await readSituation(trx, row, { touched, gates: results, sweep }, clock.nowMs());
      const decisions = decide(situation);
      if (decisions.length > 0) log.debug({ rollout: row.id, decisions }, "decided");
      return applyDecisions(trx, row, { situation, slot: slotOf(entry) }, decisions);
    });
  }

  async function lookUntilStill(id: number, touched: readonly DeviceId[]): Promise<void> {
    const heardOf = Math.ceil(touched.length / TOUCHED_MAX);
    for (let looks = 0; looks < LOOKS_MAX + heardOf; looks += 1) {
      // Read anew each time: a verb of an operator may have come between two looks.
      const row = await store.selectFrom("rollouts").selectAll().where("id", "=", id).executeTakeFirst();
      if (row === undefined) return;
      const { issued, isMoving } = await look(row, touched.slice(looks * TOUCHED_MAX, (looks + 1) * TOUCHED_MAX));
      // After the commit: a deployment that a device sees must survive a power cut here.
      ports.publish(issued);
      if (!isMoving && looks + 1 >= heardOf) return;
      // Reports and telemetry get their turn between two transactions.
      await nextTurn();
    }
  }

  /** One rollout's trouble does not hold the others up; what a person must mend stops it, and says so. */
  async function lookAndTell(id: number, devices: readonly DeviceId[]): Promise<Error | undefined> {
    try {
      await lookUntilStill(id, devices);
      return undefined;
    } catch (thrown) {
      if (!(thrown instanceof FerryError)) return thrown instanceof Error ? thrown : new Error(messageOf(thrown));
      await pauseFor(store, id, thrown, clock.nowMs());
      return undefined;
    }
  }

  return async (touched) => {
    await followSelectors(store, touched, clock.nowMs());
    const again = await unsettledAfter(store, cursor, LOOKED_AGAIN);
    cursor = again.length < LOOKED_AGAIN ? FIRST : (again.at(-1) ?? FIRST);
    const concerned = [...(await membershipsOf(store, touched)), ...again];
    const devicesOf = Map.groupBy(concerned, ({ rollout }) => rollout);
    const open = await store
      .selectFrom("rollouts")
      .select("id")
      .where("state", "in", ["running", "paused", "rolling-back"])
      .execute();
    const ids = new Set([...open.map(({ id }) => id), ...devicesOf.keys()]);
    let failure: Error | undefined;
    for (const id of [...ids].sort((one, other) => one - other)) {
      const devices = new Set((devicesOf.get(id) ?? []).map(({ device }) => device));
      failure ??= await lookAndTell(id, [...devices]);
    }
    for (const id of sweeps.keys()) if (!ids.has(id)) sweeps.delete(id);
    gates.forgetAllBut(ids);
    if (failure !== undefined) throw failure;
  };
}

async function pauseFor(store: Store, id: number, { message }: FerryError, nowMs: number): Promise<void> {
  const { numUpdatedRows } = await store
    .updateTable("rollouts")
    .set({ state: "paused", why: message })
    .where("id", "=", id)
    .where("state", "=", "running")
    .executeTakeFirst();
  if (numUpdatedRows === 0n) return;
  await recordEvent(
    store,
    { kind: "rollout-changed", rollout: id, text: `rollout ${id} is paused: ${message}` },
    nowMs,
  );
}

interface MemberKey {
  readonly rollout: number;
  readonly device: DeviceId | "";
}
const FIRST: MemberKey = { rollout: 0, device: "" };

interface Membership {
  readonly rollout: number;
  readonly device: DeviceId;
}

/** With the values in its text, so that the database sees that the partial index holds all of these. */
const IS_UNSETTLED = sql<boolean>`live = 1 AND state IN ('waiting', 'deploying', 'reverting')`;

/** In the order of their key, behind `after`. */
async function unsettledAfter(store: Store, after: MemberKey, limit: number): Promise<Membership[]> {
  return store
    .selectFrom("rollout_devices")
    .select(["rollout", "device"])
    .where(IS_UNSETTLED)
    .where(sql<boolean>`(rollout, device) > (${after.rollout}, ${after.device})`)
    .orderBy("rollout")
    .orderBy("device")
    .limit(limit)
    .execute();
}

/** Ids in one query. */
const IDS_PER_QUERY = 10_000;

async function membershipsOf(store: Store, touched: ReadonlySet<DeviceId>): Promise<Membership[]> {
  const devices = [...touched];
  const found: Membership[] = [];
  for (let at = 0; at < devices.length; at += IDS_PER_QUERY) {
    const part = await store
      .selectFrom("rollout_devices")
      .select(["rollout", "device"])
      .where("live", "=", 1)
      .where("device", "in", devices.slice(at, at + IDS_PER_QUERY))
      .execute();
    found.push(...part);
  }
  return found;
}
