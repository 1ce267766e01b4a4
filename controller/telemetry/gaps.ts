import { sql } from "kysely";
import type { DeviceId, StreamId } from "../../protocol/ids.ts";
import { checkGapFields, type GapFields } from "../../protocol/messages/telemetry-gap.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { Store } from "../store/store.ts";
import { gapStream } from "./gap-stream.ts";

/** A declared loss: numbers of one stream that will never arrive. */
export interface TelemetryGap extends Omit<GapFields, "stream"> {
  readonly device: DeviceId;
  /** The stream whose numbers are missing: the record may be in a later one. Absent: one that the device cannot name. */
  readonly stream?: StreamId;
  readonly receivedMs: number;
}

export interface GapFilter {
  readonly device?: DeviceId;
  /** Declared at or after this time of the controller's clock. */
  readonly sinceMs?: number;
}

/** Newest first. A gap record that cannot be read is left out: it declares nothing. */
export async function listGaps(store: Store, { device, sinceMs = 0 }: GapFilter): Promise<readonly TelemetryGap[]> {
  let query = store
    .selectFrom("telemetry")
    .select(["device", "stream", "received_ms", "fields_json"])
    // A literal, so that the database uses its index of gaps.
    .where(sql<boolean>`kind = 'gap'`)
    .where("received_ms", ">=", sinceMs);
  if (device !== undefined) query = query.where("device", "=", device);
  const rows = await query.orderBy("received_ms", "desc").execute();
  return rows.flatMap(({ device, stream, received_ms: receivedMs, fields_json }) => {
    try {
      const gap = checkGapFields(JSON.parse(fields_json));
      const concerned = gapStream(gap, stream);
      return [{ ...gap, ...(concerned === undefined ? {} : { stream: concerned }), device, receivedMs }];
    } catch (error) {
      if (error instanceof ProtocolError) return [];
      throw error;
    }
  });
}
