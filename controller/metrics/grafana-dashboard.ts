/** A dashboard for Grafana over the controller's figures and those of the agents that Prometheus reads. */
import type { MetricName } from "./definitions.ts";

/** Of an agent's own `/metrics`; a test holds this list against what an agent really gives. */
export const AGENT_METRICS = [
  "ferry_agent_requests_total",
  "ferry_agent_inference_seconds_bucket",
  "ferry_agent_queue_seconds_bucket",
  "ferry_agent_runner_crashes_total",
  "ferry_agent_runner_resident_bytes",
  "ferry_agent_accuracy_ratio",
] as const;
type AgentMetric = (typeof AGENT_METRICS)[number];

/** Grafana's own names of units. */
type Unit = "short" | "bytes" | "s" | "percentunit" | "ops" | "dateTimeFromNow";

export interface Panel {
  readonly title: string;
  readonly kind: "stat" | "timeseries";
  readonly unit: Unit;
  readonly queries: readonly Query[];
  readonly description: string;
}

export interface Query {
  readonly expression: string;
  readonly legend: string;
}

/** Names in expressions, which the compiler holds against the definitions. */
const of = (name: MetricName | AgentMetric, matchers = "") => (matchers === "" ? name : `${name}{${matchers}}`);
const query = (expression: string, legend = ""): Query => ({ expression, legend });
const rate = (name: MetricName | AgentMetric, matchers = "") => `rate(${of(name, matchers)}[$__rate_interval])`;

export const ROWS: readonly { readonly title: string; readonly panels: readonly Panel[] }[] = [
  {
    title: "Fleet",
    panels: [
      {
        title: "Devices",
        kind: "timeseries",
        unit: "short",
        queries: [query(of("modelferry_devices"), "{{state}}")],
        description: "Offline ones by name: ferry report fleet",
      },
      {
        title: "What is served",
        kind: "timeseries",
        unit: "short",
        queries: [query(`sum by (slot, version) (${of("modelferry_model_devices")})`, "{{slot}} {{version}}")],
        description: "Devices by the version that answers, by their own signed reports",
      },
      {
        title: "Rollouts under way",
        kind: "timeseries",
        unit: "short",
        queries: [
          query(
            `sum by (rollout, model, version, state) (${of("modelferry_rollout_devices")})`,
            "{{rollout}}: {{model}}@{{version}} {{state}}",
          ),
        ],
        description: "ferry rollout status says why a device is not done",
      },
      {
        title: "Root of trust ends",
        kind: "stat",
        unit: "dateTimeFromNow",
        queries: [query(`${of("modelferry_root_expires_timestamp_seconds")} * 1000`)],
        description: "After that, devices install nothing: ferry root renew",
      },
    ],
  },
  {
    title: "Telemetry",
    panels: [
      {
        title: "Records",
        kind: "timeseries",
        unit: "ops",
        queries: [
          query(rate("modelferry_telemetry_records_total"), "stored"),
          query(rate("modelferry_telemetry_duplicates_total"), "came again"),
          query(rate("modelferry_telemetry_rolled_up_records_total"), "added up by age"),
        ],
        description: "A second",
      },
      {
        title: "Lost records",
        kind: "timeseries",
        unit: "short",
        queries: [
          query(of("modelferry_telemetry_missing_records"), "missing"),
          query(`delta(${of("modelferry_telemetry_lost_records")}[1h])`, "declared within an hour"),
        ],
        description: "ferry telemetry gaps says where and why",
      },
      {
        title: "Time until a batch is stored",
        kind: "timeseries",
        unit: "s",
        queries: [
          query(
            `${rate("modelferry_telemetry_wait_seconds_total")} / ${rate("modelferry_telemetry_batches_total")}`,
            "mean",
          ),
        ],
        description: "From its arrival at the controller",
      },
      {
        title: "Problems",
        kind: "timeseries",
        unit: "short",
        queries: [
          query(`sum by (problem) (increase(${of("modelferry_telemetry_problems_total")}[1h]))`, "{{problem}}"),
        ],
        description: "ferry telemetry problems names the devices",
      },
      {
        title: "Database",
        kind: "timeseries",
        unit: "bytes",
        queries: [
          query(of("modelferry_database_bytes"), "file"),
          query(of("modelferry_database_free_bytes"), "room in it"),
        ],
        description: "The room is used again",
      },
    ],
  },
  {
    title: "Models, on the agents that Prometheus reads",
    panels: [
      {
        title: "Predictions",
        kind: "timeseries",
        unit: "ops",
        queries: [
          query(
            `sum by (slot, version, outcome) (${rate("ferry_agent_requests_total", 'device=~"$device"')})`,
            "{{slot}} {{version}} {{outcome}}",
          ),
        ],
        description: "A second, by how they ended",
      },
      {
        title: "Time in the model, p95",
        kind: "timeseries",
        unit: "s",
        queries: [
          query(
            `histogram_quantile(0.95, sum by (slot, version, le) (${rate("ferry_agent_inference_seconds_bucket", 'device=~"$device"')}))`,
            "{{slot}} {{version}}",
          ),
        ],
        description: "Of answered requests",
      },
      {
        title: "Time apart from the model, p95",
        kind: "timeseries",
        unit: "s",
        queries: [
          query(
            `histogram_quantile(0.95, sum by (slot, version, le) (${rate("ferry_agent_queue_seconds_bucket", 'device=~"$device"')}))`,
            "{{slot}} {{version}}",
          ),
        ],
        description: "Waiting, above all",
      },
      {
        title: "Accuracy",
        kind: "timeseries",
        unit: "percentunit",
        queries: [
          query(
            `avg by (slot, version) (${of("ferry_agent_accuracy_ratio", 'device=~"$device"')})`,
            "{{slot}} {{version}}",
          ),
        ],
        description: "Where feedback came",
      },
      {
        title: "Runner memory",
        kind: "timeseries",
        unit: "bytes",
        queries: [
          query(of("ferry_agent_runner_resident_bytes", 'device=~"$device"'), "{{device}} {{slot}} {{version}}"),
        ],
        description: "Resident",
      },
      {
        title: "Runner crashes",
        kind: "timeseries",
        unit: "short",
        queries: [
          query(
            `sum by (device, slot, version) (increase(${of("ferry_agent_runner_crashes_total", 'device=~"$device"')}[1h]))`,
            "{{device}} {{slot}} {{version}}",
          ),
        ],
        description: "Within an hour",
      },
    ],
  },
];

/** Grafana's schema as of version 11; later versions migrate it when they load it. */
const SCHEMA_VERSION = 39;
/** Of Grafana's 24 columns. */
const PANEL_WIDTH = 8;
const PANEL_HEIGHT = 8;
const COLUMNS = 24;

const DATASOURCE = { type: "prometheus", uid: "${datasource}" } as const;

/** JSON for Dashboards → New → Import, and for provisioning from files. */
export function grafanaDashboard(rows = ROWS): Readonly<Record<string, unknown>> {
  let y = 0;
  let id = 0;
  const panels: unknown[] = [];
  for (const { title, panels: own } of rows) {
    panels.push({
      id: (id += 1),
      type: "row",
      title,
      collapsed: false,
      panels: [],
      gridPos: { h: 1, w: COLUMNS, x: 0, y },
    });
    y += 1;
    for (const [at, panel] of own.entries()) {
      const x = (at * PANEL_WIDTH) % COLUMNS;
      panels.push(panelJson((id += 1), panel, { x, y: y + Math.floor((at * PANEL_WIDTH) / COLUMNS) * PANEL_HEIGHT }));
    }
    y += Math.ceil((own.length * PANEL_WIDTH) / COLUMNS) * PANEL_HEIGHT;
  }
  return {
    uid: "modelferry",
    title: "Modelferry",
    tags: ["modelferry"],
    schemaVersion: SCHEMA_VERSION,
    version: 1,
    editable: true,
    graphTooltip: 1,
    refresh: "30s",
    time: { from: "now-6h", to: "now" },
    timezone: "browser",
    annotations: { list: [] },
    links: [],
    templating: { list: [DATASOURCE_VARIABLE, DEVICE_VARIABLE] },
    panels,
  };
}

const DATASOURCE_VARIABLE = {
  name: "datasource",
  label: "Prometheus",
  type: "datasource",
  query: "prometheus",
  refresh: 1,
  hide: 0,
  includeAll: false,
  multi: false,
  options: [],
  regex: "",
  current: {},
};

const DEVICE_VARIABLE = {
  name: "device",
  label: "Device",
  type: "query",
  datasource: DATASOURCE,
  query: { query: `label_values(${of("ferry_agent_requests_total")}, device)`, refId: "device" },
  definition: `label_values(${of("ferry_agent_requests_total")}, device)`,
  refresh: 2,
  hide: 0,
  includeAll: true,
  allValue: ".*",
  multi: true,
  options: [],
  regex: "",
  sort: 1,
  current: { text: ["All"], value: ["$__all"] },
};

function panelJson(id: number, panel: Panel, { x, y }: { readonly x: number; readonly y: number }) {
  const { title, kind, unit, queries, description } = panel;
  return {
    id,
    type: kind,
    title,
    description,
    datasource: DATASOURCE,
    gridPos: { h: PANEL_HEIGHT, w: PANEL_WIDTH, x, y },
    fieldConfig: { defaults: { unit, min: unit === "dateTimeFromNow" ? null : 0 }, overrides: [] },
    options:
      kind === "stat"
        ? {
            reduceOptions: { calcs: ["lastNotNull"], fields: "", values: false },
            colorMode: "value",
            graphMode: "none",
          }
        : {
            legend: { displayMode: "list", placement: "bottom", showLegend: true },
            tooltip: { mode: "multi", sort: "desc" },
          },
    targets: queries.map(({ expression, legend }, at) => ({
      refId: String.fromCharCode("A".charCodeAt(0) + at),
      datasource: DATASOURCE,
      expr: expression,
      legendFormat: legend === "" ? "__auto" : legend,
      editorMode: "code",
      range: true,
    })),
  };
}
