import t from "tap";
import type { ModelStatistics } from "../../../agent/serve/inference-statistics.ts";
import { tritonMetrics } from "../../../agent/serve/triton-metrics.ts";

const none = { count: 0, ns: 0 };
const statistics = (name: string): ModelStatistics => ({
  name,
  version: "1.0.0",
  last_inference: 0,
  inference_count: 9,
  execution_count: 2,
  inference_stats: {
    success: { count: 9, ns: 27_000_400 },
    fail: { count: 1, ns: 0 },
    queue: { count: 9, ns: 9_000_000 },
    compute_input: none,
    compute_infer: { count: 9, ns: 18_000_000 },
    compute_output: none,
    cache_hit: none,
    cache_miss: none,
  },
  batch_stats: [],
});

t.test("statistics stand under Triton's names, in its units, one series for each model and version", async (t) => {
  const text = tritonMetrics([statistics("digits"), statistics('od"d')]);
  const of = 'model="digits",version="1.0.0"';
  for (const line of [
    "# TYPE nv_inference_request_success counter",
    `nv_inference_request_success{${of}} 9`,
    `nv_inference_request_failure{${of}} 1`,
    `nv_inference_count{${of}} 9`,
    `nv_inference_exec_count{${of}} 2`,
    `nv_inference_request_duration_us{${of}} 27000`,
    `nv_inference_queue_duration_us{${of}} 9000`,
    `nv_inference_compute_infer_duration_us{${of}} 18000`,
    'nv_inference_count{model="od\\"d",version="1.0.0"} 9',
  ]) {
    t.ok(text.includes(`${line}\n`), line);
  }
});
