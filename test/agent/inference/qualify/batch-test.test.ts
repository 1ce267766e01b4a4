import t, { type Test } from "tap";
import type { VerifiedBundle } from "../../../../agent/inference/inference-engine.ts";
import { testBatches } from "../../../../agent/inference/qualify/batch-test.ts";
import type { Runner } from "../../../../agent/inference/runner/runner.ts";
import type { ModelJson } from "../../../../protocol/bundle/model-json.ts";
import type { Tensor } from "../../../../protocol/tensor.ts";
import { never, openEngine } from "../../../support/engine-bench.ts";
import { digitsFolder, floats, writeMeanless } from "../../../support/model-folders.ts";

async function qualify(t: Test, bundle: VerifiedBundle) {
  const engine = openEngine();
  t.teardown(() => engine[Symbol.asyncDispose]());
  return engine.qualify(bundle.model.name, bundle, never);
}

t.test("a model that answers batches as it answers each request alone is qualified", async (t) => {
  const digits = digitsFolder("1.0.0");
  const model = { ...digits.model, serving: { batching: { maxBatch: 8 } } };
  t.match(await qualify(t, { ...digits, model }), { kind: "qualified" });
});

t.test(
  "a model whose rows depend on each other is refused where it asks for batches, and told what to do",
  async (t) => {
    const describe = { serving: { batching: { maxBatch: 4 } } };
    t.match(await qualify(t, await writeMeanless(`${t.testdir()}/batches`, { describe })), {
      kind: "refused",
      refusal: {
        code: "self-test",
        message:
          /does not compute golden cases in one of 4 as it does alone: output "y" differs .*Remove serving.batching/,
      },
    });
    t.match(await qualify(t, await writeMeanless(`${t.testdirName}/alone`)), { kind: "qualified" });
  },
);

/** Answers as the golden set says, and takes a millisecond for each row. */
function slowRunner(outputs: readonly Tensor[]): Pick<Runner, "inferAll"> {
  return {
    inferAll: (requests) =>
      Promise.resolve(
        requests.map(() => ({
          kind: "outputs",
          outputs,
          fault: undefined,
          inferMs: requests.length,
          batchSize: requests.length,
        })),
      ),
  };
}

const budgets = [
  { latencyP95Ms: undefined, then: { maxBatch: 64 } },
  { latencyP95Ms: 64, then: { maxBatch: 64 } },
  { latencyP95Ms: 20, then: { maxBatch: 16 } },
  { latencyP95Ms: 1.5, then: undefined },
] as const;
for (const { latencyP95Ms, then } of budgets) {
  t.test(`of a budget of ${latencyP95Ms ?? "any"} ms at 1 ms a row: ${JSON.stringify(then)}`, async (t) => {
    const { model } = digitsFolder("1.0.0");
    const outputs = [floats("y", [1], [2])];
    const golden = { name: "first", inputs: [floats("x", [1], [1])], outputs };
    const cases = { count: 1, tolerance: { absolute: 0, relative: 0 }, at: () => Promise.resolve(golden) };
    const asked = { ...model, serving: { batching: { maxBatch: 64 } }, budgets: { latencyP95Ms } };
    t.same(await testBatches(slowRunner(outputs), asked as ModelJson, cases), then);
  });
}
