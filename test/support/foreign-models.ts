/** Models as MLflow and Triton keep them, written by hand as those tools write them, around the digits' ONNX files. */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const digits = new URL("../../examples/digits/", import.meta.url).pathname;
const firstTwo = (
  JSON.parse(readFileSync(join(digits, "samples.json"), "utf8")) as { inputs: { pixels: number[][] } }[]
)
  .slice(0, 2)
  .flatMap(({ inputs }) => inputs.pixels);

const SIGNATURE = {
  inputs: '[{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 64]}}]',
  outputs: '[{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 10]}}]',
};

interface MlflowOptions {
  readonly signature?: { readonly inputs?: string; readonly outputs?: string; readonly params?: string } | null;
  /** What stands in `input_example.json`. */
  readonly example?: unknown;
  /** More lines under the onnx flavour. */
  readonly flavour?: string;
  /** More lines at the top. */
  readonly more?: string;
}

/** What `mlflow.onnx.save_model` of MLflow 2.14 leaves, without the files of its Python environment. */
export function writeMlflowModel(folder: string, options: MlflowOptions = {}): string {
  const { signature = SIGNATURE, example = { inputs: firstTwo }, flavour = "", more = "" } = options;
  mkdirSync(folder, { recursive: true });
  copyFileSync(join(digits, "v1.0.0", "model.onnx"), join(folder, "model.onnx"));
  writeFileSync(join(folder, "input_example.json"), JSON.stringify(example));
  const signed =
    signature === null
      ? ""
      : `signature:\n${["inputs", "outputs", "params"]
          .map((key) => [key, signature[key as keyof typeof signature]] as const)
          .map(([key, text]) => `  ${key}: ${text === undefined ? "null" : `'${text}'`}\n`)
          .join("")}`;
  writeFileSync(
    join(folder, "MLmodel"),
    `artifact_path: model
flavors:
  onnx:
    code: null
    data: model.onnx
    onnx_session_options: null
    onnx_version: 1.16.0
${flavour === "" ? "    providers:\n    - CUDAExecutionProvider\n    - CPUExecutionProvider\n" : flavour}  python_function:
    data: model.onnx
    env:
      conda: conda.yaml
      virtualenv: python_env.yaml
    loader_module: mlflow.onnx
    python_version: 3.11.4
mlflow_version: 2.14.2
model_size_bytes: 4873
model_uuid: 0badaf06aa254da9811188d6c060a176
run_id: 8f61417c580541cb84d88586a3a1a44a
saved_input_example_info:
  artifact_path: input_example.json
  format: tf-serving
  serving_input_path: serving_input_payload.json
  type: ndarray
${signed}utc_time_created: '2024-07-03 11:12:13.123456'
${more}`,
  );
  return folder;
}

const TRITON_CONFIG = `# As the documentation's examples are written.
name: "Digits_Net"
platform: "onnxruntime_onnx"
max_batch_size: 8
input [
  {
    name: "pixels"
    data_type: TYPE_FP32
    dims: [ 64 ]
  }
]
output [
  {
    name: "probabilities"
    data_type: TYPE_FP32
    dims: [ 10 ]
    label_filename: "digit_labels.txt"
  }
]
`;

/** A model of a Triton repository with the versions 1 (digits 1.0.0) and 3 (digits 1.1.0). Returns the model's folder. */
export function writeTritonModel(repository: string, config = TRITON_CONFIG, more = ""): string {
  const folder = join(repository, "Digits_Net");
  for (const [version, model] of [
    ["1", "v1.0.0"],
    ["3", "v1.1.0"],
  ] as const) {
    mkdirSync(join(folder, version), { recursive: true });
    copyFileSync(join(digits, model, "model.onnx"), join(folder, version, "model.onnx"));
  }
  copyFileSync(join(digits, "v1.0.0", "labels.txt"), join(folder, "digit_labels.txt"));
  mkdirSync(join(folder, "warmup"));
  writeFileSync(join(folder, "warmup", "zero.bin"), Float32Array.from(firstTwo[0] ?? []));
  writeFileSync(join(folder, "config.pbtxt"), config + more);
  return folder;
}

export const DIGITS_WARMUP = `model_warmup {
  name: "a handwritten zero"
  batch_size: 1
  inputs {
    key: "pixels"
    value: { data_type: TYPE_FP32 dims: 64 input_data_file: "zero.bin" }
  }
}
`;
