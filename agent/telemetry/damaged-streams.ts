import { Type } from "typebox";
import { openReadOnly } from "../../common/sqlite.ts";
import { StreamId } from "../../protocol/ids.ts";
import { gate } from "../../protocol/schema.ts";

const check = gate("streams of a damaged outbox", Type.Array(Type.Object({ id: StreamId }), { maxItems: 64 }));

/** The streams that a damaged outbox held, where that part of the file can still be read; else none. Never throws. */
export function readDamagedStreams(file: string): readonly StreamId[] {
  try {
    const database = openReadOnly(file);
    try {
      return check(database.prepare("SELECT id FROM streams ORDER BY base").all()).map((row) => row.id);
    } finally {
      database.close();
    }
  } catch {
    return [];
  }
}
