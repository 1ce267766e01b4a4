/**
 * The figures that the controller gives to Prometheus: `/metrics`, the alert rules and the Grafana dashboard are made from
 * this list. Names as Prometheus wants them: base units, and the unit last (`_seconds`, `_bytes`, `_ratio`), `_total` for
 * what only grows. https://prometheus.io/docs/practices/naming/
 */
export interface MetricDefinition {
  readonly type: "gauge" | "counter";
  readonly help: string;
  readonly labels?: readonly string[];
}

export const METRICS = {
  modelferry_build_info: { type: "gauge", help: "Always 1; says the version.", labels: ["version"] },
  modelferry_broker_connected: { type: "gauge", help: "1 while there is a connection to the broker." },
  modelferry_devices: { type: "gauge", help: "Devices known, by whether they are online.", labels: ["state"] },
  modelferry_model_devices: {
    type: "gauge",
    help: "Devices by what they serve in a slot and where its update stands, by their own signed reports.",
    labels: ["slot", "version", "phase"],
  },
  modelferry_rollouts: { type: "gauge", help: "Rollouts, by where they stand.", labels: ["state"] },
  modelferry_rollout_devices: {
    type: "gauge",
    help: "Devices of the rollouts that are under way, by where each stands.",
    labels: ["rollout", "model", "version", "state"],
  },
  modelferry_transfers_active: { type: "gauge", help: "Archives on their way to devices." },
  modelferry_transfer_sent_bytes_total: {
    type: "counter",
    help: "Bytes of archives sent, each counted once however many devices hear it.",
  },
  modelferry_telemetry_batches_total: { type: "counter", help: "Telemetry batches that came." },
  modelferry_telemetry_records_total: { type: "counter", help: "Telemetry records stored." },
  modelferry_telemetry_duplicates_total: { type: "counter", help: "Telemetry records that came again." },
  modelferry_telemetry_refused_batches_total: {
    type: "counter",
    help: "Telemetry batches turned away because too many waited; they come again.",
  },
  modelferry_telemetry_problems_total: {
    type: "counter",
    help: "What devices sent as telemetry and should not have, by name; see ferry telemetry problems.",
    labels: ["problem"],
  },
  modelferry_telemetry_waiting_bytes: { type: "gauge", help: "Telemetry batches that wait for the database." },
  modelferry_telemetry_wait_seconds_total: {
    type: "counter",
    help: "Time from the arrival of batches until they were stored, added up: divided by the batches, the mean.",
  },
  modelferry_telemetry_store_failures_total: {
    type: "counter",
    help: "Transactions with telemetry that the database refused; the batches are tried again.",
  },
  modelferry_telemetry_lost_records: {
    type: "gauge",
    help: "Telemetry records that devices or this controller declared as lost; what came added up instead is not among them.",
  },
  modelferry_telemetry_missing_records: {
    type: "gauge",
    help: "Telemetry records that are neither here nor declared as lost: 0 where nothing went wrong.",
  },
  modelferry_telemetry_rolled_up_records_total: { type: "counter", help: "Telemetry records added up by age." },
  modelferry_telemetry_roll_up_failures_total: { type: "counter", help: "Times that adding up by age failed." },
  modelferry_scored_examples: {
    type: "gauge",
    help: "Examples of the last hour that devices scored against their bundle's baseline.",
    labels: ["slot", "version", "detector"],
  },
  modelferry_anomalous_examples: {
    type: "gauge",
    help: "Of these, those beyond the detector's threshold: at most a hundredth is normal. See ferry anomalies.",
    labels: ["slot", "version", "detector"],
  },
  modelferry_database_bytes: { type: "gauge", help: "The database: what it holds, and room that is used again." },
  modelferry_database_free_bytes: { type: "gauge", help: "Of these, the room that is used again." },
  modelferry_root_expires_timestamp_seconds: {
    type: "gauge",
    help: "When the newest root of trust ends: after that, devices install nothing.",
  },
} as const satisfies Readonly<Record<string, MetricDefinition>>;

export type MetricName = keyof typeof METRICS;
