/** Puts together what `decide` needs to know of one rollout, and reads no more than that: see `Situation.members`. */
import { sql } from "kysely";
import type { DeviceId } from "../../protocol/ids.ts";
import type { DeviceView } from "../fleet/device-view.ts";
import { readDevices } from "../fleet/read-devices.ts";
import { readSelector } from "../fleet/groups.ts";
import type { Selector } from "../fleet/selector.ts";
import type { Store } from "../store/store.ts";
import type { RolloutDeviceRow, RolloutRow } from "../store/tables.ts";
import { isMatch, wantedDevices } from "./choose-devices.ts";
import { Draft } from "./draft.ts";
import type { GateResult } from "./gate-result.ts";
import type { RolloutSpec } from "./rollout-spec.ts";
import { factsOf, memberFrom } from "./rollout-rows.ts";
import type { RolloutFacts, Situation, WindowView } from "./situation.ts";
import type { Tally } from "./tally.ts";
import { windowAt } from "./window.ts";

/** Deployments changed in one transaction: 50 ms of work, so that reports and telemetry get their turn between two. */
const CHANGES_MAX = 250;
/** Members whose time is over that are looked at together; the others at the next look. */
const OVERDUE_MAX = 250;
/** Waiting devices whose labels are held against a stage's selector at one look. */
const LABELS_LOOKED_AT = 1_000;
const MINUTE_MS = 60_000;

export interface Looked {
  /** Devices of which something was heard. */
  readonly touched: readonly DeviceId[];
  readonly gates: readonly GateResult[] | undefined;
  /** Up to where a stage's selector has been held against the waiting devices; see `SelectorSweep`. */
  readonly sweep: SelectorSweep;
}

/**
 * A selector over labels cannot be asked of the database: the waiting devices are gone through in the rollout's order, some
 * at each look. It begins anew with each stage.
 */
export interface SelectorSweep {
  stage: number;
  /** Those with a greater ordinal have not been looked at in this round. */
  after: number;
  /** Whether this round has found anybody. */
  hasFound: boolean;
  isOver: boolean;
}

export const NEW_SWEEP: Readonly<SelectorSweep> = { stage: -1, after: -1, hasFound: false, isOver: false };

export async function readSituation(
  trx: Store,
  row: RolloutRow,
  { touched, gates, sweep }: Looked,
  nowMs: number,
): Promise<Situation> {
  const rollout = factsOf(row);
  const [tally, begunLately] = await Promise.all([readTally(trx, row.id), readBegunLately(trx, row.id, nowMs)]);
  const bare: Situation = {
    rollout,
    members: [],
    tally,
    hasMore: false,
    gates,
    selector: await readStageSelector(trx, rollout),
    window: windowViewOf(rollout.spec, nowMs),
    begunLately,
    changesMax: CHANGES_MAX,
    nowMs,
  };
  const next = await readNext(trx, bare, sweep);
  const rows = new Map<DeviceId, RolloutDeviceRow>();
  for (const member of await readTouched(trx, row.id, touched)) rows.set(member.device, member);
  for (const member of await readOverdue(trx, rollout, nowMs)) rows.set(member.device, member);
  for (const member of next.rows) rows.set(member.device, member);
  const views = await readViews(trx, [...rows.keys()]);
  const members = [...rows.values()].map((member) => memberFrom(member, views.get(member.device)));
  return { ...bare, members, hasMore: next.hasMore };
}

// With the values in their text, so that the database sees that its partial indexes hold all of these.
const IS_TO_TAKE = sql<boolean>`state = 'waiting' AND ask = 'none' AND live = 1 AND reachable = 1`;
const IS_TO_REVERT = sql<boolean>`ask = 'forward' AND live = 1`;

/** Throws where it names a group that is not there any more. */
async function readStageSelector(trx: Store, { spec, state, stage }: RolloutFacts): Promise<Selector | null> {
  const take = spec.stages[state === "running" ? stage : spec.stages.length - 1]?.take;
  return take?.kind === "selector" ? readSelector(trx, take.selector) : null;
}

async function readViews(trx: Store, devices: readonly DeviceId[]): Promise<ReadonlyMap<DeviceId, DeviceView>> {
  if (devices.length === 0) return new Map();
  const views = await readDevices(trx, devices);
  return new Map(views.map((view) => [view.id, view]));
}

export async function readTally(store: Store, rollout: number): Promise<Tally> {
  const rows = await store
    .selectFrom("rollout_devices")
    .select(["state", "stage", "ask", "live", "reachable", ({ fn }) => fn.countAll<number>().as("count")])
    .where("rollout", "=", rollout)
    .groupBy(["state", "stage", "ask", "live", "reachable"])
    .execute();
  return rows.map((row) => ({ ...row, live: row.live === 1, reachable: row.reachable === 1 }));
}

async function readBegunLately(store: Store, rollout: number, nowMs: number): Promise<number> {
  const { count } = await store
    .selectFrom("rollout_devices")
    .select(({ fn }) => fn.countAll<number>().as("count"))
    .where("rollout", "=", rollout)
    .where("started_ms", ">", nowMs - MINUTE_MS)
    .executeTakeFirstOrThrow();
  return count;
}

/** Parameters of one query. */
const TOUCHED_PER_QUERY = 10_000;

async function readTouched(trx: Store, rollout: number, touched: readonly DeviceId[]): Promise<RolloutDeviceRow[]> {
  const rows: RolloutDeviceRow[] = [];
  for (let at = 0; at < touched.length; at += TOUCHED_PER_QUERY) {
    const part = await trx
      .selectFrom("rollout_devices")
      .selectAll()
      .where("rollout", "=", rollout)
      .where("live", "=", 1)
      .where("device", "in", touched.slice(at, at + TOUCHED_PER_QUERY))
      .execute();
    rows.push(...part);
  }
  return rows;
}

async function readOverdue(trx: Store, { id, spec }: RolloutFacts, nowMs: number): Promise<RolloutDeviceRow[]> {
  return trx
    .selectFrom("rollout_devices")
    .selectAll()
    .where("rollout", "=", id)
    .where("live", "=", 1)
    .where("state", "in", ["deploying", "reverting"])
    .where("reachable", "=", 1)
    .where("started_ms", "<", nowMs - spec.deploymentMsMax)
    .limit(OVERDUE_MAX)
    .execute();
}

interface Next {
  readonly rows: readonly RolloutDeviceRow[];
  readonly hasMore: boolean;
}

/** Those that may be taken, or turned back, next. */
async function readNext(trx: Store, situation: Situation, sweep: SelectorSweep): Promise<Next> {
  const { rollout } = situation;
  switch (rollout.state) {
    case "running":
      return rollout.phase === "deploying" ? readToTake(trx, situation, rollout.stage, sweep) : NOBODY;
    case "completed":
    case "failed":
      return readToTake(trx, situation, rollout.spec.stages.length - 1, sweep);
    case "rolling-back":
    case "rolled-back":
      return readToRevert(trx, rollout.id);
    case "paused":
    case "aborted":
    case "superseded":
      return NOBODY;
  }
}

const NOBODY: Next = { rows: [], hasMore: false };

async function readToTake(trx: Store, situation: Situation, stage: number, sweep: SelectorSweep): Promise<Next> {
  const { rollout } = situation;
  const take = rollout.spec.stages[stage]?.take;
  const draft = new Draft(situation);
  const wanted = take === undefined ? 0 : wantedDevices(take, draft.counts);
  const limit = Math.min(wanted, draft.startsLeft);
  if (take?.kind === "selector") {
    return readMatching(trx, rollout.id, { selector: situation.selector, stage, limit, sweep });
  }
  const rows = limit === 0 ? [] : await readWaiting(trx, rollout.id, { after: -1, limit });
  return { rows, hasMore: wanted > rows.length };
}

async function readWaiting(
  trx: Store,
  rollout: number,
  { after, limit }: { readonly after: number; readonly limit: number },
): Promise<RolloutDeviceRow[]> {
  return trx
    .selectFrom("rollout_devices")
    .selectAll()
    .where("rollout", "=", rollout)
    .where(IS_TO_TAKE)
    .where("ordinal", ">", after)
    .orderBy("ordinal")
    .limit(limit)
    .execute();
}

interface Matching {
  readonly selector: Selector | null;
  readonly stage: number;
  readonly limit: number;
  readonly sweep: SelectorSweep;
}

async function readMatching(trx: Store, rollout: number, { selector, stage, limit, sweep }: Matching): Promise<Next> {
  if (sweep.stage !== stage) Object.assign(sweep, { ...NEW_SWEEP, stage });
  if (sweep.isOver || limit === 0) return { rows: [], hasMore: !sweep.isOver };
  const rows = await readWaiting(trx, rollout, { after: sweep.after, limit: LABELS_LOOKED_AT });
  const views = await readViews(
    trx,
    rows.map(({ device }) => device),
  );
  const matching = rows.filter((row) => isMatch(memberFrom(row, views.get(row.device)), selector)).slice(0, limit);
  const isEnd = rows.length < LABELS_LOOKED_AT;
  const hasFound = sweep.hasFound || matching.length > 0;
  // Whoever was found and could not be taken is found again: it is over when a whole round finds nobody.
  if (isEnd) Object.assign(sweep, { after: -1, hasFound: false, isOver: !hasFound });
  else Object.assign(sweep, { after: rows.at(-1)?.ordinal ?? -1, hasFound });
  return { rows: matching, hasMore: !sweep.isOver };
}

/** The newest stage first. */
async function readToRevert(trx: Store, rollout: number): Promise<Next> {
  const rows = await trx
    .selectFrom("rollout_devices")
    .selectAll()
    .where("rollout", "=", rollout)
    .where(IS_TO_REVERT)
    .where((where) => where.or([where("state", "!=", "reverting"), where("reachable", "=", 1)]))
    .orderBy("stage", "desc")
    .orderBy("ordinal")
    .limit(CHANGES_MAX)
    .execute();
  return { rows, hasMore: rows.length === CHANGES_MAX };
}

export function windowViewOf({ window }: RolloutSpec, nowMs: number): WindowView | null {
  if (window === null) return null;
  return windowAt(window, nowMs) ?? { open: false, opensAtMs: null };
}
