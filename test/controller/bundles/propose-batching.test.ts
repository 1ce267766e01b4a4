import { writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { proposeBatching } from "../../../controller/bundles/propose-batching.ts";
import { openOnnxSession, type OnnxSession } from "../../../common/onnx-session.ts";
import { digitsFolder, floats } from "../../support/model-folders.ts";
import { readDigits } from "../../support/digits.ts";
import { tinyOnnx, type TinyModel } from "../../support/tiny-onnx.ts";

const tolerance = { absolute: 1e-3, relative: 1e-2 };
const samples = [
  { name: "first", inputs: [floats("x", [1, 2], [1, 2])] },
  { name: "second", inputs: [floats("x", [1, 2], [3, 5])] },
];

function tiny(t: Test, { inputs, outputs, nodes }: TinyModel): Promise<OnnxSession> {
  const file = join(t.testdir(), "model.onnx");
  writeFileSync(file, tinyOnnx({ inputs, outputs, nodes }));
  return openOnnxSession(file, { intraOpThreads: 1 });
}

const x = { name: "x", type: "FP32", shape: ["n", 2] } as const;
const y = { ...x, name: "y" } as const;

t.test("a small model with rows gets batches", async (t) => {
  const session = await openOnnxSession(`${digitsFolder("1.0.0").directory}/model.onnx`, { intraOpThreads: 1 });
  const digits = readDigits()
    .slice(0, 20)
    .map(({ pixels }, at) => ({
      name: String(at),
      inputs: [floats("pixels", [1, 64], pixels)],
    }));
  t.same(await proposeBatching(session, digits, tolerance), { maxBatch: 16 });
  t.same(await proposeBatching(session, digits.slice(0, 1), tolerance), { maxBatch: 16 }, "one sample is enough");
});

t.test("a model whose first dimension is fixed gets none", async (t) => {
  const shape = [1, 2] as const;
  const node = { op: "Relu", inputs: ["x"], outputs: ["y"] };
  const session = await tiny(t, { inputs: [{ ...x, shape }], outputs: [{ ...y, shape }], nodes: [node] });
  t.equal(await proposeBatching(session, samples, tolerance), undefined);
});

t.test("a model whose rows depend on each other gets none, though its shapes would allow it", async (t) => {
  const nodes = [
    { op: "ReduceMean", inputs: ["x"], outputs: ["mean"] },
    { op: "Sub", inputs: ["x", "mean"], outputs: ["y"] },
  ];
  t.equal(await proposeBatching(await tiny(t, { inputs: [x], outputs: [y], nodes }), samples, tolerance), undefined);
});

t.test("a model that takes longer than a batch saves gets none", async (t) => {
  const session = await tiny(t, { inputs: [x], outputs: [y], nodes: [{ op: "Relu", inputs: ["x"], outputs: ["y"] }] });
  const slow: Pick<OnnxSession, "inputs" | "outputs" | "run"> = {
    ...session,
    run: async (inputs) => {
      const endMs = performance.now() + 6;
      while (performance.now() < endMs);
      return session.run(inputs);
    },
  };
  t.equal(await proposeBatching(slow, samples, tolerance), undefined);
});
