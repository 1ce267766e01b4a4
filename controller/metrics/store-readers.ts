/** Figures of the database, each by one query that counts: they are asked for every few seconds. */
import { sql } from "kysely";
import type { Store } from "../store/store.ts";
import type { MetricReaders, Sample } from "./create-metrics.ts";
import { openScoreTotals } from "./score-totals.ts";

/** Rollouts whose devices are told one state each: more run at once in no fleet. */
const ROLLOUTS_MAX = 50;

type StoreMetrics =
  | "modelferry_devices"
  | "modelferry_model_devices"
  | "modelferry_rollouts"
  | "modelferry_rollout_devices"
  | "modelferry_telemetry_lost_records"
  | "modelferry_telemetry_missing_records"
  | "modelferry_scored_examples"
  | "modelferry_anomalous_examples"
  | "modelferry_database_bytes"
  | "modelferry_database_free_bytes";

export function storeReaders(store: Store): Pick<MetricReaders, StoreMetrics> {
  const scores = openScoreTotals(store);
  return {
    modelferry_devices: async () => {
      const rows = await store
        .selectFrom("devices")
        .select(({ fn }) => ["online", fn.countAll<number>().as("devices")])
        .groupBy("online")
        .execute();
      const count = (online: 0 | 1) => rows.find((row) => row.online === online)?.devices ?? 0;
      return [
        { labels: { state: "online" }, value: count(1) },
        { labels: { state: "offline" }, value: count(0) },
      ];
    },
    modelferry_model_devices: async () => {
      const { rows } = await sql<{ slot: string; version: string | null; phase: string; devices: number }>`
        SELECT slot.value ->> '$.slot' AS slot, slot.value ->> '$.active.version' AS version,
          slot.value ->> '$.phase' AS phase, count(*) AS devices
        FROM reports, json_each(reports.report_json, '$.slots') AS slot GROUP BY 1, 2, 3`.execute(store);
      return rows.map(({ slot, version, phase, devices }): Sample => {
        return { labels: { slot, version: version ?? "", phase }, value: devices };
      });
    },
    modelferry_rollouts: async () => {
      const rows = await store
        .selectFrom("rollouts")
        .select(({ fn }) => ["state", fn.countAll<number>().as("rollouts")])
        .groupBy("state")
        .execute();
      return rows.map(({ state, rollouts }): Sample => ({ labels: { state }, value: rollouts }));
    },
    modelferry_rollout_devices: async () => {
      const rows = await store
        .selectFrom("rollouts as r")
        .innerJoin("rollout_devices as d", "d.rollout", "r.id")
        .select(({ fn }) => ["r.id", "r.name", "r.version", "d.state", fn.countAll<number>().as("devices")])
        .where("r.id", "in", (eb) =>
          eb
            .selectFrom("rollouts")
            .select("id")
            .where("state", "in", ["running", "paused", "rolling-back"])
            .orderBy("id", "desc")
            .limit(ROLLOUTS_MAX),
        )
        .groupBy(["r.id", "d.state"])
        .execute();
      return rows.map(({ id, name, version, state, devices }): Sample => {
        return { labels: { rollout: String(id), model: name, version, state }, value: devices };
      });
    },
    modelferry_telemetry_lost_records: () => sumOfStreams(store, "declared - rolled_up"),
    modelferry_telemetry_missing_records: () => sumOfStreams(store, "max(0, next - received - declared)"),
    modelferry_scored_examples: () => scores("examples"),
    modelferry_anomalous_examples: () => scores("anomalous"),
    modelferry_database_bytes: () => pages(store, "page_count"),
    modelferry_database_free_bytes: () => pages(store, "freelist_count"),
  };
}

async function sumOfStreams(store: Store, of: string): Promise<number> {
  const { rows } = await sql<{ total: number | null }>`SELECT sum(${sql.raw(of)}) AS total FROM streams`.execute(store);
  return rows[0]?.total ?? 0;
}

async function pages(store: Store, count: "page_count" | "freelist_count"): Promise<number> {
  const { rows } = await sql<{ bytes: number }>`
    SELECT c.${sql.ref(count)} * s.page_size AS bytes
    FROM ${sql.raw(`pragma_${count}`)} AS c, pragma_page_size AS s`.execute(store);
  return rows[0]?.bytes ?? 0;
}
