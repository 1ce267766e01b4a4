/** Whether a model answers a batch as it answers each of its requests alone, on this hardware, and how large a batch may be. */
import { blankInputs, joinKey, rowsOf, splitRows } from "../../../common/onnx-batch.ts";
import type { LoadedCase } from "../../../common/processing/golden-case.ts";
import { goldenDifference } from "../../../protocol/bundle/golden-compare.ts";
import type { Tolerance } from "../../../protocol/bundle/golden.ts";
import type { ModelJson } from "../../../protocol/bundle/model-json.ts";
import type { Batching } from "../../../protocol/bundle/serving.ts";
import { Refused } from "../refused.ts";
import type { RunnerAnswer } from "../runner/runner-messages.ts";
import { RunnerGone } from "../runner/runner-process.ts";
import type { Runner } from "../runner/runner.ts";

/** Of each size of batch: the first allocates memory, the best of the others tells the time. */
const RUNS = 3;

/** Cases with the outputs that the model gives, or must give, to each alone. */
export interface BatchQuestions {
  readonly count: number;
  readonly tolerance: Tolerance;
  /** Throws Refused. */
  readonly at: (index: number) => Promise<LoadedCase>;
}

/**
 * The batches that this device makes of a model: as `model.json` asks for them, smaller where a batch would take longer than
 * the latency budget; undefined where none is asked for, or none is fast enough. Throws Refused where a batch is answered
 * otherwise than its requests alone.
 */
export async function testBatches(
  runner: Pick<Runner, "inferAll">,
  { serving, budgets }: ModelJson,
  golden: BatchQuestions,
): Promise<Batching | undefined> {
  if (serving?.batching === undefined) return undefined;
  const { maxBatch, ...rest } = serving.batching;
  const rows = await rowsForBatch(golden, maxBatch);
  for (let size = rows.length; size >= 2; size = Math.floor(size / 2)) {
    const inferMs = await timeOf(runner, rows.slice(0, size), golden.tolerance);
    if (inferMs <= (budgets?.latencyP95Ms ?? Infinity)) return { ...rest, maxBatch: size };
  }
  return undefined;
}

/** The rows of the golden cases that can be joined with the first one, again and again until they fill a batch. */
async function rowsForBatch(golden: BatchQuestions, maxBatch: number): Promise<LoadedCase[]> {
  const first = await golden.at(0);
  const key = (one: LoadedCase) => [joinKey(one.inputs), ...one.outputs.map(({ name }) => name)].join("\n");
  const rows: LoadedCase[] = [];
  for (let at = 0; at < golden.count && rows.length < maxBatch; at += 1) {
    const next = await golden.at(at);
    if (key(next) === key(first)) rows.push(...rowsOfCase(next));
  }
  // A row among its like shows nothing.
  const [only] = rows;
  if (rows.length === 1 && only !== undefined) rows.push({ ...only, inputs: blankInputs(only.inputs), outputs: [] });
  return Array.from({ length: maxBatch }, (_, at) => rows[at % rows.length] ?? first);
}

function rowsOfCase({ name, inputs, outputs }: LoadedCase): LoadedCase[] {
  const ones = new Array<number>(rowsOf(inputs) ?? 0).fill(1);
  const [insides, outsides] = [splitRows(inputs, ones), splitRows(outputs, ones)];
  if (insides === undefined || outsides === undefined || ones.length === 0) {
    throw notInBatches(1, `golden case "${name}" has not as many rows in each output as in each input`);
  }
  return insides.map((row, at) => ({ name, inputs: row, outputs: outsides[at] ?? [] }));
}

/** In milliseconds of the model's own time. */
async function timeOf(
  runner: Pick<Runner, "inferAll">,
  cases: readonly LoadedCase[],
  tolerance: Tolerance,
): Promise<number> {
  let best = Infinity;
  for (let run = 0; run < RUNS; run += 1) {
    const answers = await compute(runner, cases);
    for (const [at, { outputs, batchSize, inferMs }] of answers.entries()) {
      const golden = cases[at];
      if (batchSize !== cases.length)
        throw notInBatches(cases.length, "it refuses them, or answers with another number of rows");
      const difference =
        golden === undefined ? undefined : goldenDifference(golden.name, golden.outputs, outputs, tolerance);
      if (difference !== undefined) throw notInBatches(cases.length, difference);
      if (run > 0) best = Math.min(best, inferMs);
    }
  }
  return best;
}

async function compute(runner: Pick<Runner, "inferAll">, cases: readonly LoadedCase[]): Promise<RunnerAnswer[]> {
  try {
    const outcomes = await runner.inferAll(
      cases.map(({ inputs }) => inputs),
      cases[0]?.outputs.map(({ name }) => name),
    );
    return outcomes.map((outcome) => {
      if (outcome.kind === "outputs") return outcome;
      throw new Refused("self-test", `a golden case is refused by the model: ${outcome.message}`);
    });
  } catch (error) {
    if (error instanceof RunnerGone)
      throw new Refused("runner-crash", `In a batch of ${cases.length} golden cases: ${error.message}`);
    throw error;
  }
}

function notInBatches(size: number, why: string): Refused {
  const what = `model.json asks for batches, and the model does not compute golden cases in one of ${size} as it does alone`;
  return new Refused(
    "self-test",
    `${what}: ${why}. Remove serving.batching, or export the model with a batch dimension`,
  );
}
