/** Experiments as rows. */
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import { gate } from "../../protocol/schema.ts";
import type { Store } from "../store/store.ts";
import type { ExperimentRow } from "../store/tables.ts";
import type { ComparedMetric } from "./compare-metric.ts";
import { findExperimentMetric } from "./experiment-metrics.ts";
import { ExperimentSpec } from "./experiment-spec.ts";

const readSpec = gate("stored experiment", ExperimentSpec);

export function experimentSpecOf({ spec_json }: Pick<ExperimentRow, "spec_json">): ExperimentSpec {
  return readSpec(JSON.parse(spec_json));
}

/** One whose name this program does not know any more is left out. */
export function comparedMetrics({ metrics }: ExperimentSpec): readonly ComparedMetric[] {
  return metrics.flatMap(({ metric: name, effect }) => {
    const metric = findExperimentMetric(name);
    return metric === undefined ? [] : [{ metric, effect }];
  });
}

/** Newest first. */
export async function listExperiments(store: Store, limit: number): Promise<ExperimentRow[]> {
  return store.selectFrom("experiments").selectAll().orderBy("id", "desc").limit(limit).execute();
}

export async function runningExperiments(store: Store): Promise<ExperimentRow[]> {
  return store.selectFrom("experiments").selectAll().where("state", "=", "running").orderBy("id").execute();
}

/** By its number or its name; of several of one name the newest. Throws `not-found`. */
export async function oneExperiment(store: Store, which: string): Promise<ExperimentRow> {
  const isNumber = /^[1-9][0-9]{0,8}$/.test(which);
  const row = await store
    .selectFrom("experiments")
    .selectAll()
    .$if(isNumber, (query) =>
      query.where((where) => where.or([where("id", "=", Number(which)), where("name", "=", which)])),
    )
    .$if(!isNumber, (query) => query.where("name", "=", which))
    .orderBy("id", "desc")
    .limit(1)
    .executeTakeFirst();
  if (row !== undefined) return row;
  throw new FerryError("not-found", `There is no experiment ${which}`, {
    hint: "See them with `ferry experiment list`.",
    exitCode: EXIT.notFound,
  });
}
