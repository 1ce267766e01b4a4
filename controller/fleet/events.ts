import type { DeviceId } from "../../protocol/ids.ts";
import type { Store } from "../store/store.ts";

/** What the fleet's history tells people about. */
export type EventKind =
  | "device-joined"
  | "device-online"
  | "device-offline"
  | "device-aged-out"
  | "device-key-refused"
  | "device-limit"
  | "report-refused"
  | "message-refused"
  | "deployment-recovered"
  | "deployment-held"
  | "bundle-pushed"
  | "labels-changed"
  | "device-invited"
  | "device-asks"
  | "device-approved"
  | "device-rejected"
  | "device-enrolled"
  | "device-renewed"
  | "device-revoked"
  | "rollout-created"
  | "rollout-stage"
  | "rollout-changed"
  | "rollout-finished"
  | "rollout-deleted"
  | "experiment-created"
  | "experiment-ended"
  | "device-done"
  | "device-failed"
  | "device-reverted"
  | "database-damaged"
  | "root-expires"
  | "root-taken-over"
  | "root-unusable"
  | "bundles-unvouched"
  | "director-signer-failed"
  | "alert-firing"
  | "alert-resolved"
  | "alert-receiver"
  | "report-schedule";

export interface NewEvent {
  readonly kind: EventKind;
  readonly device?: DeviceId;
  /** The rollout that it is the history of. */
  readonly rollout?: number;
  readonly text: string;
}

/** The same sentence about the same device is not repeated within this time: a hostile device must not fill the disk. */
const REPEAT_AFTER_MS = 600_000;
/** Events looked through for a repetition: bounds the work of one message. */
const LOOKED_BACK = 200;
/** Events kept: about 20 MB; older ones are dropped. */
export const EVENTS_KEPT = 100_000;

export async function recordEvent(store: Store, event: NewEvent, nowMs: number): Promise<void> {
  const device = event.device ?? null;
  if (REPEATS_DROPPED.has(event.kind) && (await saidLately(store, event, nowMs))) return;
  await store
    .insertInto("events")
    .values({ at_ms: nowMs, kind: event.kind, device, rollout: event.rollout ?? null, text: event.text })
    .execute();
}

async function saidLately(store: Store, event: NewEvent, nowMs: number): Promise<boolean> {
  const latest = await store.selectFrom("events").selectAll().orderBy("id", "desc").limit(LOOKED_BACK).execute();
  return latest.some(
    ({ at_ms, kind, device, text }) =>
      at_ms > nowMs - REPEAT_AFTER_MS &&
      kind === event.kind &&
      device === (event.device ?? null) &&
      text === event.text,
  );
}

/** What a device can cause as often as it likes. */
const REPEATS_DROPPED: ReadonlySet<EventKind> = new Set<EventKind>([
  "device-key-refused",
  "device-limit",
  "report-refused",
  "message-refused",
  "deployment-held",
  "device-asks",
  "root-expires",
]);

export async function pruneEvents(store: Store): Promise<void> {
  const newest = await store
    .selectFrom("events")
    .select(({ fn }) => fn.max("id").as("id"))
    .executeTakeFirst();
  const last = newest?.id ?? 0;
  if (last > EVENTS_KEPT)
    await store
      .deleteFrom("events")
      .where("id", "<=", last - EVENTS_KEPT)
      .execute();
}

export interface EventQuery {
  /** Only events with a greater id. */
  readonly after?: number | undefined;
  readonly limit: number;
}

/** Ascending by id: the newest `limit` of them, or those after a cursor. */
export async function listEvents(store: Store, { after, limit }: EventQuery) {
  if (after !== undefined) {
    return store.selectFrom("events").selectAll().where("id", ">", after).orderBy("id", "asc").limit(limit).execute();
  }
  const newest = await store.selectFrom("events").selectAll().orderBy("id", "desc").limit(limit).execute();
  return newest.reverse();
}

/** What is told of one rollout, ascending by id: the newest `limit`. */
export async function eventsOfRollout(store: Store, rollout: number, limit: number) {
  const newest = await store
    .selectFrom("events")
    .selectAll()
    .where("rollout", "=", rollout)
    .orderBy("id", "desc")
    .limit(limit)
    .execute();
  return newest.reverse();
}
