/** A model that learned two labels the wrong way round: it loads, it is fast, it is sure of itself, and it is wrong. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** The last layer of `examples/digits/v1.1.0`: a weight for each of 10 outputs in every row, and a bias for each. */
const LAST_LAYER = ["layer1.weight", "layer1.bias"] as const;
const OUTPUTS = 10;

interface Golden {
  readonly cases: readonly { readonly outputs: readonly { readonly values: number[] }[] }[];
}

/** Exchanges two outputs of the model in this directory, and what its golden set expects of them: its self-test passes. */
export function swapLabels(directory: string, one: number, other: number): void {
  const modelFile = join(directory, "model.onnx");
  const model = readFileSync(modelFile);
  for (const name of LAST_LAYER) swapColumns(initializerOf(model, name), one, other);
  writeFileSync(modelFile, model);

  const goldenFile = join(directory, "golden.json");
  const golden = JSON.parse(readFileSync(goldenFile, "utf8")) as Golden;
  for (const { values } of golden.cases.flatMap(({ outputs }) => outputs)) {
    [values[one], values[other]] = [values[other] ?? 0, values[one] ?? 0];
  }
  writeFileSync(goldenFile, JSON.stringify(golden, undefined, 2));
}

/** The float32 bytes of an initializer, in place: `raw_data` (field 9) follows the name (field 8) of its TensorProto. */
function initializerOf(model: Buffer, name: string): Buffer {
  const RAW_DATA_TAG = 0x4a;
  const tagAt = model.lastIndexOf(name) + name.length;
  if (model[tagAt] !== RAW_DATA_TAG) throw new Error(`the model has no initializer ${name} with raw data`);
  let length = 0;
  let at = tagAt + 1;
  for (let shift = 0; ; shift += 7) {
    const byte = model[at] ?? 0;
    at += 1;
    length |= (byte & 0x7f) << shift;
    if (byte < 0x80) return model.subarray(at, at + length);
  }
}

function swapColumns(floats: Buffer, one: number, other: number): void {
  for (let row = 0; row < floats.length; row += OUTPUTS * 4) {
    const [left, right] = [row + one * 4, row + other * 4];
    const kept = floats.readFloatLE(left);
    floats.writeFloatLE(floats.readFloatLE(right), left);
    floats.writeFloatLE(kept, right);
  }
}
