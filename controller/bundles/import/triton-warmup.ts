import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, systemCodeOf } from "../../../common/ferry-error.ts";
import { GOLDEN_CASES_MAX } from "../../../protocol/limits.ts";
import { ProtocolError } from "../../../protocol/protocol-error.ts";
import { elementsIn } from "../../../protocol/tensor-elements.ts";
import { shapeFits, type Tensor, type TensorSpec } from "../../../protocol/tensor.ts";
import type { SampleCase } from "../sample-inputs.ts";
import type { Notes } from "./foreign-model.ts";
import { datatypeOfTriton, type TritonConfig } from "./triton-config.ts";

/** Where Triton looks for a warm-up's files, below the model's folder. */
const WARMUP_FOLDER = "warmup";

/** One tensor: what the largest prediction may carry, with room. */
const WARMUP_BYTES_MAX = 64 * 1024 ** 2;

type Warmup = NonNullable<TritonConfig["model_warmup"]>[number];

/**
 * Golden cases of the warm-up requests that name files of real data. Zeros and random numbers prove nothing: they are
 * passed over as if there were none.
 */
export async function readWarmup(
  directory: string,
  { model_warmup: warmups = [], max_batch_size: batch }: TritonConfig,
  specs: readonly TensorSpec[],
  notes: Notes,
): Promise<readonly SampleCase[] | undefined> {
  const isBatched = (batch?.[0] ?? 0) > 0;
  const cases: SampleCase[] = [];
  for (const [at, warmup] of warmups.entries()) {
    if (!(warmup.inputs ?? []).some(({ value }) => value[0]?.input_data_file !== undefined)) continue;
    const name = warmup.name?.[0] ?? `warm-up ${at + 1}`;
    try {
      const inputs: Tensor[] = [];
      for (const spec of specs) inputs.push(await warmupTensor(directory, warmup, spec, isBatched));
      cases.push({ name, inputs });
    } catch (cause) {
      if (!(cause instanceof ProtocolError) && systemCodeOf(cause) !== "ENOENT") throw cause;
      notes.left.push(`the warm-up request "${name}": ${messageOf(cause)}`);
    }
  }
  return cases.length === 0 ? undefined : cases.slice(0, GOLDEN_CASES_MAX);
}

/** The file holds little-endian bytes, a text with its length before it: as this program's own tensors do. */
async function warmupTensor(
  directory: string,
  { inputs = [] }: Warmup,
  spec: TensorSpec,
  isBatched: boolean,
): Promise<Tensor> {
  const value = inputs.find(({ key }) => key[0] === spec.name)?.value[0];
  const file = value?.input_data_file?.[0];
  if (value === undefined || file === undefined) throw fault(spec, "it has no file of data");
  const datatype = datatypeOfTriton(value.data_type?.[0]);
  const shape = isBatched ? [1, ...(value.dims ?? [])] : (value.dims ?? []);
  if (datatype !== spec.datatype || !shapeFits(shape, spec.shape)) {
    throw fault(
      spec,
      `it is ${String(datatype)} [${shape.join(", ")}], the model takes ${spec.datatype} [${spec.shape.join(", ")}]`,
    );
  }
  const path = join(directory, WARMUP_FOLDER, file);
  const { size } = await stat(path);
  if (size > WARMUP_BYTES_MAX) throw fault(spec, `${file} has ${size} bytes, at most ${WARMUP_BYTES_MAX} are read`);
  const tensor = { name: spec.name, datatype, shape, bytes: await readFile(path) };
  elementsIn(tensor);
  return tensor;
}

function fault({ name }: TensorSpec, why: string): ProtocolError {
  return new ProtocolError("SCHEMA", `input "${name}"`, why);
}
