import type { Serving } from "../../../protocol/bundle/serving.ts";
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

const INSTANCES_MAX = 16;
const THREADS_MAX = 64;
const BATCH_MAX = 1_024;
const DELAY_MS_MAX = 100;
const THREADS_PARAMETER = "intra_op_thread_count";

/** How Triton runs the model, as far as a device can: more than it may take becomes the most that it may. */
export function servingOfTriton(config: TritonConfig): Serving | undefined {
  const instances = (config.instance_group ?? []).reduce((sum, { count }) => sum + (count?.[0] ?? 1), 0);
  const threads = Number(parameterOf(config, THREADS_PARAMETER) ?? 0);
  const rows = config.max_batch_size?.[0] ?? 0;
  const batching = config.dynamic_batching?.[0];
  const delayMs = (batching?.max_queue_delay_microseconds?.[0] ?? 0) / 1_000;
  const serving = {
    ...(instances > 1 ? { instances: Math.min(INSTANCES_MAX, instances) } : {}),
    ...(Number.isInteger(threads) && threads > 0 ? { intraOpThreads: Math.min(THREADS_MAX, threads) } : {}),
    ...(batching === undefined || rows < 2
      ? {}
      : {
          batching: {
            maxBatch: Math.min(BATCH_MAX, rows),
            ...(delayMs > 0 ? { maxDelayMs: Math.min(DELAY_MS_MAX, delayMs) } : {}),
          },
        }),
  };
  return Object.keys(serving).length === 0 ? undefined : serving;
}

function parameterOf({ parameters = [] }: TritonConfig, name: string): string | undefined {
  return parameters.find(({ key }) => key?.[0] === name)?.value?.[0]?.string_value?.[0];
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
  "instance_group",
  "dynamic_batching",
  "parameters",
]);

const WHY_LEFT: Readonly<Record<string, string>> = {
  sequence_batching: "a device keeps no state of a sequence: the client sends it with each request, and gets it back",
  ensemble_scheduling: "a bundle holds one model",
  response_cache: "a device computes every answer",
  model_transaction_policy: "every request has one answer",
};

/** Names each part of the configuration that a bundle has no place for. */
export function noteTritonSettings(config: TritonConfig, notes: Notes): void {
  for (const field of Object.keys(config)) {
    if (!READ.has(field)) notes.left.push(`${field}${field in WHY_LEFT ? `: ${String(WHY_LEFT[field])}` : ""}`);
  }
  const others = (config.parameters ?? []).flatMap(({ key }) => key ?? []).filter((key) => key !== THREADS_PARAMETER);
  if (others.length > 0)
    notes.left.push(`the parameters ${others.join(", ")}: a device sets its sessions by its hardware`);
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
