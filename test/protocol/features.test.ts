import t from "tap";
import { ALL_FEATURES, featuresNeeded } from "../../protocol/features.ts";

const cases: readonly [string, Parameters<typeof featuresNeeded>[0], Parameters<typeof featuresNeeded>[1], string[]][] =
  [
    ["a plain bundle, replaced", {}, {}, []],
    ["no parameters set", {}, { params: {} }, []],
    [
      "a split with parameters",
      {},
      { traffic: { kind: "split", share: 0.1 }, params: { top: 3 } },
      ["traffic", "params"],
    ],
    ["a model of pictures", { preprocessing: [{ kind: "constant", input: "x", values: [1] }] }, {}, ["processing"]],
    ["results alone", { postprocessing: [{ kind: "classes", output: "y" }] }, {}, ["processing"]],
    ["a version of the agent", { kind: "agent" }, {}, ["agent"]],
    ["variants and batches", { variants: [], serving: { instances: 2 } }, {}, ["variants", "serving"]],
  ];
for (const [what, model, rollout, needed] of cases) {
  t.test(`${what}: needs ${needed.length === 0 ? "nothing" : needed.join(", ")}`, async (t) => {
    t.same(featuresNeeded(model, rollout), needed);
  });
}

t.test("this agent understands everything that a document may ask", async (t) => {
  t.same(ALL_FEATURES, ["traffic", "params", "processing", "variants", "serving", "agent"]);
});
