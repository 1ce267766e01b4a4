import t from "tap";
import { variantChoices } from "../../../../agent/inference/qualify/load-choice.ts";
import { digitsFolder } from "../../../support/model-folders.ts";

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
    const wishing = { ...model, ...(providers === undefined ? {} : { providers }) };
    t.match(variantChoices(wishing, []), [
      { name: "default", choices: then.map((provider) => ({ provider, file: "model.onnx", variant: "default" })) },
    ]);
  });
}

t.test("each goes with the settings that the publisher signed", async (t) => {
  const providerOptions = { tensorrt: { halfPrecision: true } };
  t.match(variantChoices({ ...model, providerOptions }, []), [{ choices: [{ settings: providerOptions }] }]);
});

t.test("variants are those for this hardware, each with its own providers and tolerance or the bundle's", async (t) => {
  const tolerance = { absolute: 0.1, relative: 0 };
  const variants = [
    { name: "fp16", file: "half.onnx", compatible: ["jetson"], providers: ["tensorrt"] },
    { name: "int8", file: "small.onnx", compatible: ["*"], tolerance },
    { name: "pi", file: "pi.onnx", compatible: ["raspberry-pi"] },
  ];
  const tried = variantChoices({ ...model, providers: ["cuda"], variants }, ["linux-arm64", "jetson"]).map(
    ({ name, choices }) => [name, choices.map((choice) => [choice.file, choice.provider, choice.tolerance])],
  );
  t.same(tried, [
    [
      "default",
      [
        ["model.onnx", "cuda", undefined],
        ["model.onnx", "cpu", undefined],
      ],
    ],
    [
      "fp16",
      [
        ["half.onnx", "tensorrt", undefined],
        ["half.onnx", "cpu", undefined],
      ],
    ],
    [
      "int8",
      [
        ["small.onnx", "cuda", tolerance],
        ["small.onnx", "cpu", tolerance],
      ],
    ],
  ]);
});
