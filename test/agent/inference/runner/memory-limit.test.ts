import t from "tap";
import { memoryLimitBytes, MEMORY_OVERRUN_FACTOR } from "../../../../agent/inference/runner/memory-limit.ts";
import { failureOf, openEngine, ask, serve, numbers } from "../../../support/engine-bench.ts";
import { digitsFolder, floats, writePlusOne } from "../../../support/model-folders.ts";

t.test("a model without a budget has no limit", async (t) => {
  const { model } = digitsFolder("1.0.0");
  t.equal(memoryLimitBytes({ ...model, budgets: {} }), undefined);
  t.equal(memoryLimitBytes({ ...model, budgets: { memoryBytes: 100 } }), 100 * MEMORY_OVERRUN_FACTOR);
});

t.test(
  "a runner that grows far beyond its budget is killed, which counts as a crash, and another answers",
  async (t) => {
    const crashes: string[] = [];
    const observer = {
      answered: () => undefined,
      failed: () => undefined,
      crashed: (_slot: string, _version: string, why: string) => crashes.push(why),
    };
    await using engine = openEngine({ observers: [observer] });
    const bundle = await writePlusOne(t.testdir(), { describe: { budgets: { memoryBytes: 150e6 } } });
    await serve(engine, bundle);
    const many = 12_000_000;
    const huge = [floats("x", [many], new Float32Array(many))];
    for (let request = 0; request < 500 && crashes.length === 0; request += 1) {
      await ask(engine, bundle, huge).catch(() => undefined);
    }
    const [why = ""] = crashes;
    t.match(why, /^it was killed because it held \d+\.\d MB, 1.5 times its budget are 225.0 MB$/);
    t.match(engine.observed(bundle.model.name), { crashes: crashes.length });
    t.same(numbers(await ask(engine, bundle, [floats("x", [1], [1])])), [2]);
    t.match(await failureOf(ask(engine, bundle, [])), { failure: "bad-request" });
  },
);
