import t from "tap";
import { loadChoices } from "../../../agent/inference/load-choice.ts";
import { digitsFolder } from "../../support/model-folders.ts";

const { model } = digitsFolder("1.0.0");

const cases = [
  { when: "nothing is said", providers: undefined, then: ["cpu"] },
  { when: "the list is empty", providers: [], then: ["cpu"] },
  { when: "the processor is not named", providers: ["tensorrt", "cuda"], then: ["tensorrt", "cuda", "cpu"] },
  { when: "one is named twice", providers: ["cuda", "cuda"], then: ["cuda", "cpu"] },
  { when: "something comes after the processor", providers: ["cuda", "cpu", "webgpu"], then: ["cuda", "cpu"] },
];
for (const { when, providers, then } of cases) {
  t.test(`${then.join(", ")} are tried when ${when}`, async (t) => {
    const choices = loadChoices({ ...model, ...(providers === undefined ? {} : { providers }) });
    t.same(
      choices.map(({ provider }) => provider),
      then,
    );
    t.ok(choices.every(({ file }) => file === "model.onnx"));
  });
}

t.test("each goes with the settings that the publisher signed", async (t) => {
  const providerOptions = { tensorrt: { halfPrecision: true } };
  t.match(loadChoices({ ...model, providerOptions }), [{ settings: providerOptions }]);
});
