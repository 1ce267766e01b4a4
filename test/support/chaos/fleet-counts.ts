/** What a controller's database holds, and what the devices' outboxes gave away, when all their programs have ended. */
import { openReadOnly } from "../../../common/sqlite.ts";
import { openStore, type Store } from "../../../controller/store/store.ts";
import { accountStreams, type StreamAccount } from "../../../controller/telemetry/accounting.ts";
import { recountStreams } from "../../../controller/telemetry/recount.ts";
import type { DeviceId, StreamId } from "../../../protocol/ids.ts";
import type { RecordFields } from "../../../protocol/messages/telemetry-batch.ts";
import { OUTCOME_PREFIX } from "../../../protocol/messages/telemetry-inference.ts";

export interface FleetCounts {
  /** By the outboxes' own words of what each stream produced. */
  readonly accounts: readonly StreamAccount[];
  /** Of the streams that are still on a device. */
  readonly held: readonly HeldStream[];
  /** Streams whose rows are not as many as were counted. */
  readonly miscounted: number;
  /** By device. */
  readonly stored: ReadonlyMap<string, StoredContent>;
  /** Requests in the totals of the fleet. */
  readonly totalled: number;
}

export interface HeldStream {
  readonly device: string;
  readonly stream: StreamId;
  readonly produced: number;
  /** The first number of which the device knows no acknowledgement. */
  readonly acked: number;
}

export interface StoredContent {
  readonly records: number;
  /** `agent-started` events. */
  readonly starts: number;
  /** Requests in `inference` records. */
  readonly requests: number;
  /** Measurements that are declared lost. */
  readonly lost: number;
}

export interface OutboxFile {
  readonly id: string;
  readonly path: string;
}

export async function countFleet(database: string, outboxes: readonly OutboxFile[]): Promise<FleetCounts> {
  const held = outboxes.flatMap(heldStreams);
  const newest = new Map(held.map(({ device, stream, produced }) => [device as DeviceId, { stream, produced }]));
  await using opened = await openStore(database);
  const { store } = opened;
  const totals = await store.selectFrom("inference_totals").select("fields_json").execute();
  return {
    held,
    accounts: await accountStreams(store, newest),
    miscounted: (await recountStreams(store)).filter(({ excess }) => excess !== 0).length,
    stored: new Map(await Promise.all(outboxes.map(async ({ id }) => [id, await contentOf(store, id)] as const))),
    totalled: totals.reduce((sum, { fields_json }) => sum + requestsIn(JSON.parse(fields_json) as RecordFields), 0),
  };
}

async function contentOf(store: Store, device: string): Promise<StoredContent> {
  const rows = await store
    .selectFrom("telemetry")
    .select(["kind", "fields_json"])
    .where("device", "=", device as DeviceId)
    .execute();
  const content = { records: rows.length, starts: 0, requests: 0, lost: 0 };
  for (const { kind, fields_json } of rows) {
    const fields = JSON.parse(fields_json) as RecordFields;
    if (kind === "inference") content.requests += requestsIn(fields);
    if (fields["event"] === "agent-started") content.starts += 1;
    if (kind === "gap" && fields["cause"] !== "rolled-up") content.lost += Number(fields["count"] ?? 0);
  }
  return content;
}

function requestsIn(fields: RecordFields): number {
  const outcomes = Object.entries(fields).filter(([name]) => name.startsWith(OUTCOME_PREFIX));
  return outcomes.reduce((sum, [, count]) => sum + Number(count), 0);
}

/** Oldest first; the last one of a device takes its new records. */
function heldStreams({ id, path }: OutboxFile): readonly HeldStream[] {
  const database = openReadOnly(path);
  try {
    return database
      .prepare<[string], HeldStream>(
        `SELECT ? AS device, id AS stream, coalesce(sealed, (SELECT next FROM state)) - base AS produced, acked - base AS acked
         FROM streams ORDER BY base`,
      )
      .all(id);
  } finally {
    database.close();
  }
}
