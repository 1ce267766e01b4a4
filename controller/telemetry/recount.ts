import { setImmediate as turn } from "node:timers/promises";
import { sql } from "kysely";
import type { DeviceId, StreamId } from "../../protocol/ids.ts";
import type { Store } from "../store/store.ts";

/** What the rows of one stream say, against the count that was kept as they came and went. */
export interface Recount {
  readonly device: DeviceId;
  readonly stream: StreamId;
  /** By how much the rows, what was added up, and what was deleted for its age exceed the count: 0 where all is well. */
  readonly excess: number;
}

/** Reads every row of the device, or of all: slow, and so only where somebody asks for it. */
export async function recountStreams(store: Store, device?: DeviceId): Promise<readonly Recount[]> {
  const streams = await store
    .selectFrom("streams")
    .select(["device", "stream"])
    .$if(device !== undefined, (query) => query.where("device", "=", device ?? ("" as DeviceId)))
    .execute();
  const recounts: Recount[] = [];
  for (const { device, stream } of streams) {
    // One statement: records that come meanwhile are in all of it or in nothing.
    const { rows } = await sql<{ excess: number }>`
      SELECT (SELECT count(*) FROM telemetry AS t WHERE t.device = s.device AND t.stream = s.stream)
        + (SELECT coalesce(sum(records), 0) FROM telemetry_rollups AS r WHERE r.device = s.device AND r.stream = s.stream)
        + s.expired - s.lost_here - s.received AS excess
      FROM streams AS s WHERE s.device = ${device} AND s.stream = ${stream}`.execute(store);
    recounts.push({ device, stream, excess: rows[0]?.excess ?? 0 });
    // SQLite answers at once: without this, a large fleet would hold up everything else.
    await turn();
  }
  return recounts;
}
