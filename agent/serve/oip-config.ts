/** OIP v2, model configuration extension: what Triton's clients ask of a model before they send it anything. */
import type { Batching } from "../../protocol/bundle/serving.ts";
import type { Datatype, TensorSpec } from "../../protocol/tensor.ts";
import type { ServedSlot } from "../inference/inference-engine.ts";

/** Triton's names of the datatypes, from its `model_config.proto`. */
const TRITON_TYPE: Readonly<Record<Datatype, string>> = {
  BOOL: "TYPE_BOOL",
  UINT8: "TYPE_UINT8",
  UINT16: "TYPE_UINT16",
  UINT32: "TYPE_UINT32",
  UINT64: "TYPE_UINT64",
  INT8: "TYPE_INT8",
  INT16: "TYPE_INT16",
  INT32: "TYPE_INT32",
  INT64: "TYPE_INT64",
  FP16: "TYPE_FP16",
  FP32: "TYPE_FP32",
  FP64: "TYPE_FP64",
  BYTES: "TYPE_STRING",
};

/**
 * A model with batches has a `max_batch_size`, and shapes without the batch dimension, which Triton adds to them: a client
 * may send that many rows in one request, and what it sends is computed together with what others send. Here it may send
 * more, which Triton would refuse. Any other model has 0: its shapes are whole.
 */
export function tritonConfig({ slot, bundle, evidence }: ServedSlot) {
  const { inputs, outputs, version, file, labels, serving } = bundle.model;
  const { batching } = serving ?? {};
  const tensorConfig = ({ name, datatype, shape }: TensorSpec) => {
    return { name, data_type: TRITON_TYPE[datatype], dims: batching === undefined ? shape : shape.slice(1) };
  };
  return {
    name: slot,
    platform: "onnxruntime_onnx",
    backend: "onnxruntime",
    version_policy: { latest: { num_versions: 1 } },
    max_batch_size: batching?.maxBatch ?? 0,
    ...(batching === undefined ? {} : { dynamic_batching: dynamicBatching(batching) }),
    input: inputs.map((spec) => ({ ...tensorConfig(spec), format: "FORMAT_NONE" })),
    output: outputs.map((spec, at) => ({
      ...tensorConfig(spec),
      label_filename: at === 0 && labels !== undefined ? labels : "",
    })),
    instance_group: [
      { name: slot, kind: evidence.provider === "cpu" ? "KIND_CPU" : "KIND_GPU", count: serving?.instances ?? 1 },
    ],
    default_model_filename: file,
    parameters: {
      version: { string_value: version },
      statement: { string_value: bundle.statement },
      execution_provider: { string_value: evidence.provider },
    },
  };
}

/** Triton's microseconds. */
function dynamicBatching({ maxDelayMs = 0 }: Batching) {
  return { preferred_batch_size: [], max_queue_delay_microseconds: Math.round(maxDelayMs * 1_000) };
}
