/** An experiment that has ended, as rows, with what it had counted. */
import { completeExperiment } from "../../controller/experiments/experiment-spec.ts";
import { experimentSpecOf } from "../../controller/experiments/experiments.ts";
import type { Store } from "../../controller/store/store.ts";
import type { ExperimentRow } from "../../controller/store/tables.ts";
import { NOW_MS } from "./device-views.ts";
import { ARMS, metricNamed, runNoisyExperiment, type Otherwise } from "./noisy-experiment.ts";

const METRICS = ["accuracy", "error_rate", "latency_p95_ms"].map((name) => metricNamed(name));

/** B differs from A as `b` says; an hour on three devices. */
export async function storeExperiment(store: Store, name: string, b: Otherwise): Promise<ExperimentRow> {
  const { slot: model, former, candidate } = ARMS;
  const spec = completeExperiment({
    name,
    model,
    version: candidate,
    metrics: METRICS.map(({ metric }) => ({ metric: metric.name })),
  });
  const row = await store
    .insertInto("experiments")
    .values({
      ...{ name, rollout: 1, model, candidate, former, selector: "all devices", author: "ada" },
      ...{ spec_json: JSON.stringify(spec), created_ms: NOW_MS, ends_ms: NOW_MS + spec.durationMs },
      ...{ state: "kept", ended_ms: NOW_MS + 3_600_000, ended_by: "ada", why: "stopped by ada", promotion: null },
    })
    .returningAll()
    .executeTakeFirstOrThrow();
  const noisy = { seed: 4, devices: 3, share: experimentSpecOf(row).share, intervals: 360, b, labelled: 0.5 };
  for (const { device, tally } of [...runNoisyExperiment(noisy, METRICS)].at(-1) ?? []) {
    await store
      .insertInto("experiment_tallies")
      .values({ experiment: row.id, device, tally_json: tally.toText() })
      .execute();
  }
  return row;
}
