import t from "tap";
import { inferSequence } from "../../../common/processing/infer-sequence.ts";
import type { ModelJson } from "../../../protocol/bundle/model-json.ts";
import type { Tensor } from "../../../protocol/tensor.ts";
import { floats } from "../../support/model-folders.ts";

const model: Pick<ModelJson, "inputs" | "preprocessing"> = {
  inputs: ["sound", "state", "rate"].map((name) => ({ name, datatype: "FP32", shape: [1] })),
  preprocessing: [
    { kind: "sound", input: "sound", sampleRate: 8_000, secondsMax: 1 },
    { kind: "state", input: "state", output: "next", shape: [1] },
    { kind: "constant", input: "rate", values: [100] },
  ],
};
const valueOf = (tensor: Tensor = floats("none", [1], [0])) =>
  new Float32Array(Uint8Array.from(tensor.bytes).buffer)[0];

t.test("each frame gets what the one before remembered, and what is constant", async (t) => {
  const frames = [1, 2, 3].map((value) => floats("sound", [1], [value]));
  const seen: (readonly (readonly [string, number | undefined])[])[] = [];
  const outputs = await inferSequence(model, { frames }, async (inputs) => {
    seen.push(inputs.map((input) => [input.name, valueOf(input)] as const));
    const sum = inputs.slice(0, 2).reduce((total, input) => total + (valueOf(input) ?? 0), 0);
    return Promise.resolve([floats("next", [1], [sum])]);
  });
  t.same(
    outputs.map(([next]) => valueOf(next)),
    [1, 3, 6],
  );
  t.same(
    seen.map((inputs) => Object.fromEntries(inputs)),
    [
      { sound: 1, state: 0, rate: 100 },
      { sound: 2, state: 1, rate: 100 },
      { sound: 3, state: 3, rate: 100 },
    ],
  );
});
