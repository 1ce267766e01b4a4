import type { Notes } from "./foreign-model.ts";
import type { TritonConfig } from "./triton-config.ts";

const ACCELERATORS = new Map([
  ["tensorrt", ["tensorrt", "cuda"]],
  ["openvino", ["openvino"]],
]);

/** What Triton would run the model on, by onnxruntime-node's names. */
export function providersOfTriton(config: TritonConfig, notes: Notes): readonly string[] {
  const { gpu_execution_accelerator: gpu = [], cpu_execution_accelerator: cpu = [] } =
    config.optimization?.[0]?.execution_accelerators?.[0] ?? {};
  const named = [...gpu, ...cpu].flatMap(({ name }) => name ?? []);
  const unknown = named.filter((name) => !ACCELERATORS.has(name));
  if (unknown.length > 0) notes.left.push(`the accelerators ${unknown.join(", ")}: no device of ours has them`);
  const providers = named.flatMap((name) => ACCELERATORS.get(name) ?? []);
  if (providers.length > 0) return [...new Set(providers)];
  const kinds = new Set((config.instance_group ?? []).flatMap(({ kind }) => kind ?? []));
  return kinds.has("KIND_GPU") ? ["cuda"] : [];
}

/** Top-level fields that are read above, or mean nothing once the model is in a bundle. */
const READ: ReadonlySet<string> = new Set([
  "name",
  "platform",
  "backend",
  "runtime",
  "default_model_filename",
  "max_batch_size",
  "input",
  "output",
  "version_policy",
  "optimization",
  "model_warmup",
]);

const WHY_LEFT: Readonly<Record<string, string>> = {
  instance_group: "how many instances run is the device's own matter",
  dynamic_batching: "a device collects batches by its own settings",
  sequence_batching: "a device keeps no state of a sequence: the client sends it with each request, and gets it back",
  ensemble_scheduling: "a bundle holds one model",
  parameters: "session options and threads are set on the device, from its hardware",
  response_cache: "a device computes every answer",
  model_transaction_policy: "every request has one answer",
};

/** Names each part of the configuration that a bundle has no place for. */
export function noteTritonSettings(config: TritonConfig, notes: Notes): void {
  for (const field of Object.keys(config)) {
    if (!READ.has(field)) notes.left.push(`${field}${field in WHY_LEFT ? `: ${String(WHY_LEFT[field])}` : ""}`);
  }
  const batch = config.max_batch_size?.[0] ?? 0;
  if (batch > 0)
    notes.left.push(`max_batch_size ${batch}: the first dimension may vary, and how far is the device's own setting`);
  for (const { name, dims = [], reshape, optional } of [...(config.input ?? []), ...(config.output ?? [])]) {
    if (reshape !== undefined) {
      notes.left.push(
        `reshape of "${String(name[0])}": clients send and get the shape of the ONNX file, not [${dims.join(", ")}]`,
      );
    }
    if (optional?.[0] === true)
      notes.left.push(`"${String(name[0])}" is optional for Triton; a device wants every input`);
  }
}
