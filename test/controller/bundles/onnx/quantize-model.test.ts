import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { openOnnxSession, type OnnxSession } from "../../../../common/onnx-session.ts";
import { MODEL, readOnnxFile } from "../../../../controller/bundles/onnx/onnx-file.ts";
import type { QuantizationMode } from "../../../../controller/bundles/onnx/plan-quantization.ts";
import { bytesField, fieldsOf, intField } from "../../../../controller/bundles/onnx/protobuf.ts";
import { quantizeModel } from "../../../../controller/bundles/onnx/quantize-model.ts";
import { readSampleList } from "../../../../controller/bundles/sample-inputs.ts";
import { interfaceOf } from "../../../../controller/bundles/write-bundle.ts";
import { elementsIn } from "../../../../protocol/tensor-elements.ts";
import type { Tensor } from "../../../../protocol/tensor.ts";
import { OCR_ANGLE, SILERO_LEGACY, SILERO_V5, SILERO_V6 } from "../../../support/real-models.ts";
import { tinyOnnx, type TinyModel } from "../../../support/tiny-onnx.ts";

const root = new URL("../../../../", import.meta.url).pathname;
const modules = join(root, "node_modules");

const floats = (name: string, shape: readonly number[], values: Iterable<number>): Tensor => ({
  name,
  datatype: "FP32",
  shape,
  bytes: new Uint8Array(Float32Array.from(values).buffer),
});

/** Numbers in [-1, 1) that are the same in each run. */
function noise(count: number): number[] {
  let state = 7;
  return Array.from({ length: count }, () => {
    state = (state * 16_807) % 2_147_483_647;
    return (state / 2_147_483_647) * 2 - 1;
  });
}

async function opened(t: Test, file: string): Promise<OnnxSession> {
  const session = await openOnnxSession(file);
  t.teardown(() => session.release());
  return session;
}

/** Quantises a file, loads what comes of it, and holds its answers against those of the file. */
async function quantized(t: Test, file: string, mode: QuantizationMode, inputs: readonly Tensor[]) {
  const bytes = await readOnnxFile(file);
  const result = quantizeModel(bytes, mode, join(file, ".."));
  mkdirSync(t.testdirName, { recursive: true });
  const target = join(t.testdirName, "int8.onnx");
  writeFileSync(target, Buffer.concat(result.model));
  const [before, after] = [await opened(t, file), await opened(t, target)];
  t.same(interfaceOf(after), interfaceOf(before), "the interface stays");
  const [was, is] = [await before.run(inputs), await after.run(inputs)];
  const difference = (at: number) => {
    const [wanted, got] = [was[at], is[at]].map((tensor) => (tensor === undefined ? [] : elementsIn(tensor)));
    const distances = Array.from(wanted ?? [], (value, i) => Math.abs(Number(value) - Number(got?.[i])));
    return Math.max(...distances);
  };
  const sizeBytes = Buffer.concat(result.model).byteLength;
  return { ...result, difference: difference(0), share: sizeBytes / bytes.byteLength };
}

t.test("models of other people shrink and answer nearly the same", async (t) => {
  for (const { name, file, samples, share, weights } of [
    // Constants as nodes, version 9 of the operators, convolutions.
    { name: "OCR", ...OCR_ANGLE, share: 0.42, weights: 45 },
    // Graphs within graphs, with constants of their own.
    { name: "Silero 5", ...SILERO_V5, share: 0.66, weights: 10 },
    { name: "Silero 6", ...SILERO_V6, share: 0.66, weights: 10 },
    // Graphs within graphs that use constants of the outer one; an LSTM.
    { name: "Silero before", ...SILERO_LEGACY, share: 0.6, weights: 20 },
  ]) {
    await t.test(name, async (t) => {
      const session = await opened(t, join(modules, file));
      const path = join(t.testdir(), "samples.json");
      writeFileSync(path, JSON.stringify(samples));
      const [first] = await readSampleList(path, interfaceOf(session).inputs);
      const result = await quantized(t, join(modules, file), "weights", first?.inputs ?? []);
      t.ok(result.share < share, `${result.share.toFixed(3)} of the size`);
      t.ok(result.weights >= weights, `${result.weights} weights`);
      t.ok(result.difference > 0 && result.difference < 0.1, `differs by ${result.difference}`);
    });
  }
});

t.test("the digits' products compute in integers where that is wished", async (t) => {
  const file = join(root, "examples", "digits", "v1.1.0", "model.onnx");
  const inputs = [
    floats(
      "pixels",
      [3, 64],
      noise(3 * 64).map((value) => Math.abs(value) * 16),
    ),
  ];
  t.match(await quantized(t, file, "weights", inputs), { weights: 2, products: 0, floatBytes: 23_680 });
  const dynamic = await quantized(t, file, "dynamic", inputs);
  t.match(dynamic, { weights: 2, products: 2 });
  t.ok(dynamic.difference < 0.05, `${dynamic.difference}`);
});

const MATRIX = { name: "w", shape: [16, 32], values: noise(512) };
const PRODUCT: TinyModel = {
  inputs: [{ name: "x", type: "FP32", shape: ["n", 16] }],
  outputs: [{ name: "y", type: "FP32", shape: ["n", 32] }],
  nodes: [{ op: "MatMul", inputs: ["x", "w"], outputs: ["y"] }],
  initializers: [MATRIX],
};

function written(t: Test, model: TinyModel): string {
  const file = join(t.testdir(), "model.onnx");
  writeFileSync(file, tinyOnnx(model));
  return file;
}

t.test("a weight that two operators use is stored once, in integers only where both compute so", async (t) => {
  const twice: TinyModel = {
    ...PRODUCT,
    outputs: [
      { name: "y", type: "FP32", shape: ["n", 32] },
      { name: "z", type: "FP32", shape: ["n", 32] },
      { name: "sum", type: "FP32", shape: [16, 32] },
    ],
    nodes: [
      ...PRODUCT.nodes,
      { op: "MatMul", inputs: ["x", "w"], outputs: ["z"] },
      { op: "Add", inputs: ["w", "w"], outputs: ["sum"] },
    ],
  };
  const inputs = [floats("x", [2, 16], noise(32))];
  t.match(await quantized(t, written(t, twice), "dynamic", inputs), { weights: 1, products: 0 });
  const products = { ...twice, outputs: twice.outputs.slice(0, 2), nodes: twice.nodes.slice(0, 2) };
  t.match(await quantized(t, written(t, products), "dynamic", inputs), { weights: 1, products: 2 });
});

t.test("weights that lie beside the model move into it, quantised or not", async (t) => {
  const file = written(t, {
    ...PRODUCT,
    nodes: [
      { op: "MatMul", inputs: ["x", "w"], outputs: ["p"] },
      { op: "Add", inputs: ["p", "b"], outputs: ["y"] },
    ],
    initializers: [
      { ...MATRIX, values: { file: "w.bin" } },
      { name: "b", shape: [32], values: { file: "b.bin" } },
    ],
  });
  writeFileSync(join(t.testdirName, "w.bin"), Float32Array.from(MATRIX.values));
  writeFileSync(join(t.testdirName, "b.bin"), Float32Array.from(noise(32)));
  const session = await opened(t, file);
  const [was] = await session.run([floats("x", [1, 16], noise(16))]);
  const alone = join(t.testdirName, "alone");
  const { model } = quantizeModel(await readOnnxFile(file), "weights", t.testdirName);
  mkdirSync(alone);
  writeFileSync(join(alone, "model.onnx"), Buffer.concat(model));
  const [is] = await (await opened(t, join(alone, "model.onnx"))).run([floats("x", [1, 16], noise(16))]);
  const fifth = (tensor: Tensor | undefined) => (tensor === undefined ? NaN : Number(elementsIn(tensor)[5]));
  t.ok(Math.abs(fifth(was) - fifth(is)) < 0.05);

  writeFileSync(join(t.testdirName, "w.bin"), Float32Array.of(1));
  t.throws(
    () =>
      quantizeModel(
        tinyOnnx({ ...PRODUCT, initializers: [{ ...MATRIX, values: { file: "w.bin" } }] }),
        "weights",
        t.testdirName,
      ),
    {
      message: /a tensor of \[16, 32\] floats has 4 bytes/,
    },
  );
});

t.test("in the oldest form of the format, where constants are inputs too, they are so no more", async (t) => {
  const old = fieldsOf(
    tinyOnnx({ ...PRODUCT, inputs: [...PRODUCT.inputs, { name: "w", type: "FP32", shape: [16, 32] }] }),
  );
  const file = join(t.testdir(), "model.onnx");
  // tinyOnnx writes version 8 first.
  const version3 = Buffer.concat([...intField(MODEL.irVersion, 3), ...old.slice(1).map(({ whole }) => whole)]);
  writeFileSync(file, version3);
  t.match(await quantized(t, file, "weights", [floats("x", [1, 16], noise(16))]), { weights: 1 });

  // Since version 4 such a constant is one that callers may replace.
  const replaceable = Buffer.concat(old.map(({ whole }) => whole));
  t.throws(() => quantizeModel(replaceable, "weights", "."), { code: "optimize-nothing" });
});

t.test("what is not rewritten stays byte for byte, fields that nobody knows included", async (t) => {
  const original = Buffer.concat([tinyOnnx(PRODUCT), ...bytesField(2, "producer"), ...bytesField(4_711, "unknown")]);
  const { model } = quantizeModel(original, "weights", ".");
  const others = (bytes: Uint8Array) =>
    fieldsOf(bytes)
      .filter(({ id }) => id !== MODEL.graph)
      .map(({ whole }) => Buffer.from(whole).toString("hex"));
  t.same(others(Buffer.concat(model)), others(original));
});

const refused: readonly { what: string; model: TinyModel; mode?: QuantizationMode; code: string; message: RegExp }[] = [
  {
    what: "operators before spread products",
    model: { ...PRODUCT, opset: 6 },
    code: "optimize-opset",
    message: /needs 7 or newer/,
  },
  {
    what: "integers before their operators",
    model: { ...PRODUCT, opset: 10 },
    mode: "dynamic",
    code: "optimize-opset",
    message: /needs 11 or newer/,
  },
  {
    what: "weights that no operator multiplies",
    model: { ...PRODUCT, nodes: [{ op: "Add", inputs: ["w", "w"], outputs: ["y"] }] },
    code: "optimize-nothing",
    message: /Add uses it/,
  },
  {
    what: "weights that are no numbers",
    model: { ...PRODUCT, initializers: [{ ...MATRIX, values: MATRIX.values.with(3, NaN) }] },
    code: "optimize-nothing",
    message: /"w" has values that are no finite numbers/,
  },
  {
    what: "weights along two dimensions",
    model: { ...PRODUCT, nodes: [...PRODUCT.nodes, { op: "Gather", inputs: ["w", "i"], outputs: ["z"] }] },
    code: "optimize-nothing",
    message: /along different dimensions/,
  },
  {
    what: "a model without weights",
    model: { ...PRODUCT, initializers: [], nodes: [] },
    code: "optimize-nothing",
    message: /no float32 weights/,
  },
];
for (const { what, model, mode = "weights", code, message } of refused) {
  t.test(`${what} are refused in words`, async (t) => {
    t.throws(() => quantizeModel(tinyOnnx(model), mode, "."), { code, message, hint: String });
  });
}
