import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import type { Notes } from "../../../../controller/bundles/import/foreign-model.ts";
import { readMlflowModel } from "../../../../controller/bundles/import/mlflow-model.ts";
import { writeMlflowModel } from "../../../support/foreign-models.ts";

const PIXELS = { name: "pixels", datatype: "FP32" as const, shape: [-1, 64] };
const notes = (): Notes => ({ chosen: [], left: [] });

t.test("a model folder says what the onnx flavour, the signature and the example say", async (t) => {
  const folder = writeMlflowModel(join(t.testdir(), "digits"));
  const told = notes();
  const model = await readMlflowModel(folder, told);
  t.match(model, {
    name: "digits",
    version: "1.0.0",
    description: "Imported from MLflow 2.14.2, run 8f61417c580541cb84d88586a3a1a44a, saved 2024-07-03 11:12:13.123456",
    providers: [],
    inputs: [{ datatype: "FP32", shape: [-1, 64] }],
    outputs: [{ datatype: "FP32", shape: [-1, 10] }],
  });
  t.match(told, { chosen: [/^version 1\.0\.0: an MLflow folder has none/], left: [] });
  t.match(await model.samples([PIXELS], told), [{ name: "MLflow's input example", inputs: [{ shape: [2, 64] }] }]);
});

t.test("a registry's name and number are taken; the number is the release", async (t) => {
  const folder = writeMlflowModel(join(t.testdir(), "model"));
  writeFileSync(join(folder, "registered_model_meta"), "model_name: digits_prod\nmodel_version: '7'\n");
  t.match(await readMlflowModel(folder, notes()), { name: "digits_prod", version: "7", release: 7 });
});

t.test("providers that somebody chose are kept in their order, without the processor", async (t) => {
  const flavour = `    providers:\n    - - TensorrtExecutionProvider\n      - trt_fp16_enable: true\n    - CUDAExecutionProvider\n    - RocmExecutionProvider\n    - CPUExecutionProvider\n`;
  const told = notes();
  const { providers } = await readMlflowModel(writeMlflowModel(t.testdir(), { flavour }), told);
  t.same(providers, ["tensorrt", "cuda"]);
  t.match(told.left, [/RocmExecutionProvider/, /options of execution providers/]);
});

t.test("what a bundle has no place for is named", async (t) => {
  const flavour = "    code: src\n    onnx_session_options:\n      intra_op_num_threads: 1\n";
  const told = notes();
  const folder = writeMlflowModel(t.testdir(), {
    flavour,
    more: "metadata:\n  owner: vision\n",
    signature: { params: '[{"name": "t", "type": "float", "default": 1.0}]' },
  });
  // YAML refuses a key that stands twice.
  const text = readFileSync(join(folder, "MLmodel"), "utf8")
    .replace("    code: null\n", "")
    .replace("    onnx_session_options: null\n", "");
  writeFileSync(
    join(folder, "MLmodel"),
    text.replace("flavors:\n", "flavors:\n  sklearn:\n    pickled_model: model.pkl\n"),
  );
  await readMlflowModel(folder, told);
  t.match(told.left, [
    /flavours sklearn/,
    /Python code in src/,
    /onnx_session_options/,
    /metadata/,
    /parameters of the signature/,
  ]);
  t.match(told.chosen[1], /the model has no signature/);
});

t.test("columns of a table and float64 leave it to the ONNX file, and that is said", async (t) => {
  const told = notes();
  const columns = JSON.stringify(
    Array.from({ length: 6 }, (_, at) => ({ type: "double", name: `p${at}`, required: true })),
  );
  const { inputs, outputs } = await readMlflowModel(
    writeMlflowModel(t.testdir(), {
      signature: {
        inputs: columns,
        outputs:
          '[{"type": "tensor", "name": "probabilities", "tensor-spec": {"dtype": "float32", "shape": [-1, 10]}}]',
      },
    }),
    told,
  );
  t.same(inputs, []);
  t.same(outputs, [{ name: "probabilities", datatype: "FP32", shape: [-1, 10] }]);
  t.match(told.chosen[1], /columns of a table \(p0 double, .*, 2 more\)/);

  const converted = await readMlflowModel(
    writeMlflowModel(join(t.testdirName, "f64"), {
      signature: { inputs: '[{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 64]}}]' },
    }),
    told,
  );
  t.same(converted.inputs, [{ shape: [-1, 64] }]);
});

t.test(
  "examples as arrays, arrays by name, tables with and without names of columns become a golden case",
  async (t) => {
    const row = Array.from({ length: 64 }, (_, at) => at % 17);
    const named = { name: "a", datatype: "FP32" as const, shape: [-1] };
    const column = { name: "b", datatype: "INT64" as const, shape: [-1, 1] };
    const cases: readonly [unknown, (typeof PIXELS)[] | (typeof named | typeof column)[], readonly number[][]][] = [
      [{ inputs: [row] }, [PIXELS], [[1, 64]]],
      [{ inputs: { pixels: [row, row] } }, [PIXELS], [[2, 64]]],
      [{ data: [row] }, [PIXELS], [[1, 64]]],
      [{ columns: ["a", "b"], data: [[1.5, 2]] }, [named, column], [[1], [1, 1]]],
    ];
    for (const [at, [example, specs, shapes]] of cases.entries()) {
      const told = notes();
      const model = await readMlflowModel(writeMlflowModel(join(t.testdir(), String(at)), { example }), told);
      const samples = await model.samples(specs, told);
      t.same(
        samples?.[0]?.inputs.map(({ shape }) => shape),
        shapes,
      );
    }
  },
);

t.test("an example that does not fit makes no golden case, and why is said", async (t) => {
  for (const [example, why] of [
    [{ inputs: [[1, 2, 3]] }, /has the shape \[1, 3\], the model takes \[-1, 64\]/],
    [{ inputs: { other: [[1]] } }, /nothing for input "pixels"/],
    [{ columns: ["a"], data: [[null]] }, /pixels/],
    [{ data: [1], indices: [0], indptr: [0, 1], shape: [1, 64] }, /input example/],
  ] as const) {
    const told = notes();
    const model = await readMlflowModel(writeMlflowModel(t.testdir(), { example }), told);
    t.equal(await model.samples([PIXELS], told), undefined);
    t.match(told.left.at(-1), why);
  }
  const told = notes();
  const model = await readMlflowModel(writeMlflowModel(t.testdir()), told);
  rmSync(join(t.testdirName, "input_example.json"));
  t.equal(await model.samples([PIXELS], told), undefined);
  t.match(told.left, [/ENOENT/]);
});

t.test("what is no model with the onnx flavour is refused with what to do", async (t) => {
  const folder = t.testdir({
    empty: {},
    sklearn: { MLmodel: "flavors:\n  sklearn:\n    pickled_model: model.pkl\n  python_function: {}\n" },
    torn: { MLmodel: "flavors: [" },
    other: { MLmodel: "flavors:\n  onnx:\n    data: 3\n" },
    signature: { MLmodel: "flavors:\n  onnx:\n    data: model.onnx\nsignature:\n  inputs: '[{]'\n" },
  });
  for (const [name, message] of [
    ["empty", /has no MLmodel/],
    ["sklearn", /has the flavours sklearn, python_function, but not onnx/],
    ["torn", /MLmodel cannot be used/],
    ["other", /onnx flavour/],
    ["signature", /signature's inputs cannot be read/],
  ] as const) {
    await t.rejects(readMlflowModel(join(folder, name), notes()), { code: "import-source", message });
  }
});
