/** How a rollout begins: its row, its members, and who has each device from here on. */
import { sql } from "kysely";
import type { DeviceId } from "../../protocol/ids.ts";
import { recordEvent } from "../fleet/events.ts";
import type { CatalogueEntry } from "../store/catalogue.ts";
import { NOTHING_ELSE, type InTransaction, type Store } from "../store/store.ts";
import { devicesText } from "./end-of-rollout.ts";
import type { Forecast } from "./forecast.ts";
import { orderOf } from "./order-of.ts";
import type { RolloutSpec } from "./rollout-spec.ts";

export interface NewRollout {
  readonly entry: CatalogueEntry;
  readonly spec: RolloutSpec;
  /** For people: what was asked for. */
  readonly selector: string;
  readonly author: string;
  readonly devices: readonly DeviceId[];
  /** What the plan said of each: held against what then happens. */
  readonly foretold: ReadonlyMap<DeviceId, Forecast>;
}

/** Rows in one statement: SQLite allows 32,766 parameters. */
const ROWS_PER_INSERT = 2_000;

/** Gives the new id. What an earlier rollout of the model has not finished on these devices is superseded, unless its priority is higher. */
export async function createRollout(
  store: Store,
  rollout: NewRollout,
  nowMs: number,
  also: (id: number) => InTransaction = () => NOTHING_ELSE,
): Promise<number> {
  const { entry, spec, selector, devices, foretold } = rollout;
  const { name, version } = entry.model;
  return store.transaction().execute(async (trx) => {
    const id = await insertRollout(trx, rollout, nowMs);
    await addMembers(trx, id, devices, nowMs, foretold);
    const text = `rollout ${id}: ${name}@${version} to ${devicesText(devices.length)} (${selector}), ${stagesText(spec)}`;
    await recordEvent(trx, { kind: "rollout-created", rollout: id, text }, nowMs);
    await also(id)(trx);
    return id;
  });
}

async function insertRollout(
  trx: Store,
  { entry, spec, selector, author }: NewRollout,
  nowMs: number,
): Promise<number> {
  const { id } = await trx
    .insertInto("rollouts")
    .values({
      statement: entry.statement,
      name: entry.model.name,
      version: entry.model.version,
      selector,
      state: "running",
      created_ms: nowMs,
      finished_ms: null,
      spec_json: JSON.stringify(spec),
      label: spec.name ?? null,
      author,
      why: null,
      stage: 0,
      stage_phase: spec.stages[0]?.approval === "required" ? "approval" : "deploying",
      stage_since_ms: nowMs,
      approvals_json: "[]",
      gates_json: null,
      gates_waived_stage: null,
      failures_accepted: 0,
      priority: spec.priority,
      follow: spec.follow ? 1 : 0,
    })
    .returning("id")
    .executeTakeFirstOrThrow();
  return id;
}

/** In the caller's transaction; devices that are members already must not be among them. */
export async function addMembers(
  trx: Store,
  id: number,
  devices: readonly DeviceId[],
  nowMs: number,
  foretold: NewRollout["foretold"] = new Map(),
): Promise<void> {
  for (let at = 0; at < devices.length; at += ROWS_PER_INSERT) {
    const rows = devices.slice(at, at + ROWS_PER_INSERT).map((device) => ({
      rollout: id,
      device,
      state: "waiting" as const,
      seq: null,
      since_ms: nowMs,
      why: null,
      ask: "none" as const,
      live: 1 as const,
      reachable: 0 as const,
      tries: 0,
      ordinal: orderOf(id, device),
      predicted_json: foretoldJson(foretold.get(device)),
    }));
    await trx.insertInto("rollout_devices").values(rows).execute();
    await seeWhoIsThere(
      trx,
      id,
      rows.map(({ device }) => device),
    );
    await takeOver(
      trx,
      id,
      rows.map(({ device }) => device),
      nowMs,
    );
  }
}

function foretoldJson(forecast: Forecast | undefined): string | null {
  if (forecast === undefined) return null;
  const { bytes, ms = null, basis } = forecast;
  return JSON.stringify({ bytes, ms, basis });
}

/** Whoever is online and has a deployment can be asked at once; of the others something must be heard first. */
async function seeWhoIsThere(trx: Store, id: number, devices: readonly DeviceId[]): Promise<void> {
  await trx
    .updateTable("rollout_devices")
    .set({ reachable: 1 })
    .where("rollout", "=", id)
    .where("device", "in", devices)
    .where("device", "in", (query) =>
      query
        .selectFrom("devices")
        .innerJoin("deployments", "deployments.device", "devices.id")
        .select("devices.id")
        .where("devices.online", "=", 1),
    )
    .execute();
}

/** Between two rollouts of one model that want the same device, the higher priority has it; the later one where they are equal. */
async function takeOver(trx: Store, id: number, devices: readonly DeviceId[], nowMs: number): Promise<void> {
  const own = await trx.selectFrom("rollouts").selectAll().where("id", "=", id).executeTakeFirstOrThrow();
  const rivals = await trx
    .selectFrom("rollouts")
    .select(["id", "version", "state", "priority"])
    .where("name", "=", own.name)
    .where("id", "<", id)
    .where((where) =>
      where.exists(
        where
          .selectFrom("rollout_devices as member")
          .select("member.device")
          .whereRef("member.rollout", "=", "rollouts.id")
          .where("member.live", "=", 1),
      ),
    )
    .execute();
  for (const rival of rivals) {
    const isUnderWay = rival.state === "running" || rival.state === "paused" || rival.state === "rolling-back";
    const [winner, loser] = isUnderWay && rival.priority > own.priority ? [rival, own] : [own, rival];
    if (loser === rival) await inheritPrevious(trx, rival.id, id, devices);
    const why =
      winner === own
        ? `rollout ${id} takes this device to ${own.name}@${own.version}`
        : `rollout ${rival.id} keeps this device for ${own.name}@${rival.version}: its priority ${rival.priority} is above ${own.priority}`;
    await supersede(trx, { winner: winner.id, loser: loser.id, devices, why }, nowMs);
  }
}

/**
 * Where the earlier rollout was not done, what the device had before that one is still what it goes back to. A device that had
 * nothing, and was only away or slow, goes back to what the earlier one wished: like the others, and not to nothing.
 */
async function inheritPrevious(trx: Store, from: number, to: number, devices: readonly DeviceId[]): Promise<void> {
  await trx
    .updateTable("rollout_devices")
    .set({
      previous_json: sql<string | null>`(
        SELECT earlier.previous_json FROM rollout_devices AS earlier
        WHERE earlier.rollout = ${from} AND earlier.device = rollout_devices.device)`,
    })
    .where("rollout", "=", to)
    .where("device", "in", devices)
    .where("previous_json", "is", null)
    .where("device", "in", (query) =>
      query
        .selectFrom("rollout_devices as earlier")
        .select("earlier.device")
        .where("earlier.rollout", "=", from)
        .where("earlier.live", "=", 1)
        .where("earlier.ask", "!=", "none")
        .where((where) =>
          where.or([
            where("earlier.state", "in", ["failed", "reverting"]),
            where("earlier.state", "in", ["waiting", "deploying"]).and("earlier.previous_json", "!=", "null"),
          ]),
        ),
    )
    .execute();
}

interface Supersession {
  readonly winner: number;
  readonly loser: number;
  readonly devices: readonly DeviceId[];
  readonly why: string;
}

/** What was settled stays what it was: history is not rewritten. */
async function supersede(trx: Store, { winner, loser, devices, why }: Supersession, nowMs: number): Promise<void> {
  const contested = trx
    .selectFrom("rollout_devices as contested")
    .select("contested.device")
    .where("contested.rollout", "=", winner)
    .where("contested.live", "=", 1);
  const losing = () =>
    trx
      .updateTable("rollout_devices")
      .where("rollout", "=", loser)
      .where("live", "=", 1)
      .where("device", "in", devices)
      .where("device", "in", contested);
  await losing()
    .set({ state: "superseded", live: 0, since_ms: nowMs, why })
    .where("state", "in", ["waiting", "deploying", "reverting"])
    .execute();
  await losing().set({ live: 0 }).execute();
}

function stagesText({ stages }: RolloutSpec): string {
  return stages.length === 1 ? "all at once" : `in ${stages.length} stages`;
}
