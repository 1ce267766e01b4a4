import type { ModelStatistics } from "./inference-statistics.ts";

interface TritonMetric {
  readonly name: string;
  readonly help: string;
  readonly value: (statistics: ModelStatistics) => number;
}

const microseconds = ({ ns }: { readonly ns: number }) => Math.round(ns / 1_000);

/** Names and units as Triton documents them (microseconds, `_us`); versions are labels here as there. */
const METRICS: readonly TritonMetric[] = [
  {
    name: "nv_inference_request_success",
    help: "Number of successful inference requests",
    value: ({ inference_stats: { success } }) => success.count,
  },
  {
    name: "nv_inference_request_failure",
    help: "Number of failed inference requests",
    value: ({ inference_stats: { fail } }) => fail.count,
  },
  { name: "nv_inference_count", help: "Number of inferences performed", value: (one) => one.inference_count },
  {
    name: "nv_inference_exec_count",
    help: "Number of model executions performed",
    value: (one) => one.execution_count,
  },
  {
    name: "nv_inference_request_duration_us",
    help: "Cumulative inference request duration in microseconds",
    value: ({ inference_stats: { success } }) => microseconds(success),
  },
  {
    name: "nv_inference_queue_duration_us",
    help: "Cumulative inference queuing duration in microseconds",
    value: ({ inference_stats: { queue } }) => microseconds(queue),
  },
  {
    name: "nv_inference_compute_input_duration_us",
    help: "Cumulative compute input duration in microseconds",
    value: ({ inference_stats: { compute_input } }) => microseconds(compute_input),
  },
  {
    name: "nv_inference_compute_infer_duration_us",
    help: "Cumulative compute inference duration in microseconds",
    value: ({ inference_stats: { compute_infer } }) => microseconds(compute_infer),
  },
  {
    name: "nv_inference_compute_output_duration_us",
    help: "Cumulative compute output duration in microseconds",
    value: ({ inference_stats: { compute_output } }) => microseconds(compute_output),
  },
];

/** Prometheus' text under the names that Triton's dashboards ask for. */
export function tritonMetrics(statistics: readonly ModelStatistics[]): string {
  return METRICS.map(({ name, help, value }) => {
    const samples = statistics.map((one) => {
      return `${name}{model="${escaped(one.name)}",version="${escaped(one.version)}"} ${value(one)}`;
    });
    return [`# HELP ${name} ${help}`, `# TYPE ${name} counter`, ...samples, ""].join("\n");
  }).join("");
}

/** As the exposition format asks of a label's value. */
function escaped(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
