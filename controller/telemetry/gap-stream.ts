import type { StreamId } from "../../protocol/ids.ts";
import type { GapFields } from "../../protocol/messages/telemetry-gap.ts";

/** The stream whose numbers a gap record of stream `own` declares missing; undefined where the device cannot name it. */
export function gapStream({ cause, stream }: GapFields, own: StreamId): StreamId | undefined {
  return cause === "database-damaged" ? stream : (stream ?? own);
}
