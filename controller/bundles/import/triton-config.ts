/** What this program reads of Triton's ModelConfig (model_config.proto); every field is a list, as the text format has it. */
import { Type, type Static, type TSchema } from "typebox";
import { ProtocolError } from "../../../protocol/protocol-error.ts";
import { gate } from "../../../protocol/schema.ts";
import type { Datatype } from "../../../protocol/tensor.ts";
import { badSource, type DeclaredTensor } from "./foreign-model.ts";
import { parsePbtxt, PbtxtMalformed } from "./parse-pbtxt.ts";

/** A field that may stand once. */
const once = <S extends TSchema>(schema: S) => Type.Optional(Type.Array(schema, { maxItems: 1 }));
const often = <S extends TSchema>(schema: S) => Type.Optional(Type.Array(schema));

const Dimensions = often(Type.Integer({ minimum: -1 }));
const Reshape = once(Type.Object({ shape: Dimensions }));

const TritonTensor = Type.Object({
  name: Type.Array(Type.String(), { minItems: 1, maxItems: 1 }),
  data_type: once(Type.String()),
  dims: Dimensions,
  reshape: Reshape,
  label_filename: once(Type.String()),
  optional: once(Type.Boolean()),
});
type TritonTensor = Static<typeof TritonTensor>;

const Accelerator = Type.Object({ name: once(Type.String()) });

const WarmupInput = Type.Object({
  data_type: once(Type.String()),
  dims: Dimensions,
  input_data_file: once(Type.String()),
});

export const TritonConfig = Type.Object({
  name: once(Type.String()),
  platform: once(Type.String()),
  backend: once(Type.String()),
  default_model_filename: once(Type.String()),
  max_batch_size: once(Type.Integer({ minimum: 0 })),
  input: often(TritonTensor),
  output: often(TritonTensor),
  version_policy: once(
    Type.Object({
      latest: once(Type.Object({ num_versions: once(Type.Integer({ minimum: 1 })) })),
      all: once(Type.Unknown()),
      specific: once(Type.Object({ versions: often(Type.Integer({ minimum: 0 })) })),
    }),
  ),
  instance_group: often(Type.Object({ kind: once(Type.String()), count: once(Type.Integer()) })),
  dynamic_batching: once(Type.Object({ max_queue_delay_microseconds: once(Type.Integer({ minimum: 0 })) })),
  parameters: often(
    Type.Object({ key: once(Type.String()), value: once(Type.Object({ string_value: once(Type.String()) })) }),
  ),
  optimization: once(
    Type.Object({
      execution_accelerators: once(
        Type.Object({ gpu_execution_accelerator: often(Accelerator), cpu_execution_accelerator: often(Accelerator) }),
      ),
    }),
  ),
  model_warmup: often(
    Type.Object({
      name: once(Type.String()),
      batch_size: once(Type.Integer({ minimum: 0 })),
      inputs: often(
        Type.Object({
          key: Type.Array(Type.String(), { minItems: 1 }),
          value: Type.Array(WarmupInput, { minItems: 1 }),
        }),
      ),
    }),
  ),
});
export type TritonConfig = Static<typeof TritonConfig>;

const check = gate("Triton configuration", TritonConfig, { explainedPartsMax: Infinity });

const DATATYPES: Readonly<Record<string, Datatype>> = {
  TYPE_BOOL: "BOOL",
  TYPE_UINT8: "UINT8",
  TYPE_UINT16: "UINT16",
  TYPE_UINT32: "UINT32",
  TYPE_UINT64: "UINT64",
  TYPE_INT8: "INT8",
  TYPE_INT16: "INT16",
  TYPE_INT32: "INT32",
  TYPE_INT64: "INT64",
  TYPE_FP16: "FP16",
  TYPE_FP32: "FP32",
  TYPE_FP64: "FP64",
  TYPE_STRING: "BYTES",
};

/** Throws FerryError `import-source` that names the line or the field. */
export function parseTritonConfig(path: string, text: string): TritonConfig {
  try {
    return check(parsePbtxt(text));
  } catch (cause) {
    if (!(cause instanceof PbtxtMalformed || cause instanceof ProtocolError)) throw cause;
    throw badSource(
      `${path} cannot be used: ${cause.message}`,
      "Does Triton load it? Its log says so at the start.",
      cause,
    );
  }
}

/** The datatype that Triton calls so; undefined for the ones that no bundle has (BF16). */
export function datatypeOfTriton(name: string | undefined): Datatype | undefined {
  return name === undefined ? undefined : DATATYPES[name];
}

/**
 * As the ONNX file should have it. Where `max_batch_size` is above 0 the model takes a batch of what is declared: the
 * file has a dimension before it that may vary. With `reshape` the file has the other shape.
 */
export function declaredTensor(tensor: TritonTensor, isBatched: boolean): DeclaredTensor {
  const datatype = datatypeOfTriton(tensor.data_type?.[0]);
  const own = tensor.reshape === undefined ? (tensor.dims ?? []) : (tensor.reshape[0]?.shape ?? []);
  return {
    name: tensor.name[0] ?? "",
    ...(datatype === undefined ? {} : { datatype }),
    shape: isBatched ? [-1, ...own] : own,
  };
}
