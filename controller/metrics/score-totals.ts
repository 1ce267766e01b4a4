import { sql } from "kysely";
import type { Store } from "../store/store.ts";
import type { Sample } from "./create-metrics.ts";

/** What is counted: an hour, in which each device tells twelve times. */
const SPAN_MS = 3_600_000;
/** Of ten thousand devices it takes half a second, and devices tell every five minutes: it is read once a minute. */
const KEPT_MS = 60_000;

interface Total {
  readonly slot: string;
  readonly version: string;
  readonly detector: string;
  readonly examples: number;
  readonly anomalous: number;
}

/** Scored and anomalous examples of the last hour, by version and detector, over all devices. */
export function openScoreTotals(store: Store): (which: "examples" | "anomalous") => Promise<readonly Sample[]> {
  let kept: Promise<readonly Total[]> = Promise.resolve([]);
  let readMs = -Infinity;
  return async (which) => {
    const nowMs = Date.now();
    if (nowMs - readMs > KEPT_MS) {
      readMs = nowMs;
      kept = read(store, nowMs - SPAN_MS);
    }
    return (await kept).map(({ slot, version, detector, ...counts }) => ({
      labels: { slot, version, detector },
      value: counts[which],
    }));
  };
}

async function read(store: Store, fromMs: number): Promise<readonly Total[]> {
  // Kind and role as literals, so that the database uses its index of these.
  const { rows } = await sql<Total>`
    SELECT fields_json ->> '$.slot' AS slot, fields_json ->> '$.version' AS version, fields_json ->> '$.feature' AS detector,
      sum(fields_json ->> '$.count') AS examples, sum(fields_json ->> '$.anomalous') AS anomalous
    FROM telemetry
    WHERE kind = 'distribution' AND fields_json ->> '$.role' = 'score' AND at_ms >= ${fromMs}
      AND fields_json ->> '$.anomalous' IS NOT NULL
    GROUP BY 1, 2, 3`.execute(store);
  return rows;
}
