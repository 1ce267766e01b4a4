import type { ModelName } from "../../protocol/ids.ts";
import { nestValues, valuesFromTensor, type NestedValues } from "../../protocol/tensor-values.ts";
import type { Tensor } from "../../protocol/tensor.ts";
import type { InferenceEngine, InferRequest, InferResponse, ServedSlot } from "../inference/inference-engine.ts";
import { InferenceError } from "../inference/inference-error.ts";
import { findSlot } from "./find-slot.ts";
import { HttpError } from "./http-answer.ts";

/** For clients that name none: longer than a runner needs to restart, shorter than people and proxies wait. */
export const TIMEOUT_MS = 30_000;

export interface ModelAnswer {
  readonly response: InferResponse;
  /** Each output as arrays of arrays. */
  readonly outputs: Readonly<Record<string, NestedValues>>;
}

/** Throws InferenceError, or a ProtocolError for outputs that JSON cannot carry. */
export async function askModel(
  engine: Pick<InferenceEngine, "infer">,
  slot: ModelName,
  inputs: readonly Tensor[],
  options: Pick<InferRequest, "version" | "key" | "id"> = {},
): Promise<ModelAnswer> {
  const response = await engine.infer({ slot, inputs, timeoutMs: TIMEOUT_MS, ...options });
  const outputs = response.outputs.map((tensor) => [tensor.name, nestValues(valuesFromTensor(tensor), tensor.shape)]);
  return { response, outputs: Object.fromEntries(outputs) as Readonly<Record<string, NestedValues>> };
}

/** Throws InferenceError `unknown-model`, or `unknown-version` where another one serves. */
export function servedVersion(
  engine: Pick<InferenceEngine, "slots">,
  name: string,
  version: string | undefined,
): ServedSlot {
  const served = findSlot(engine, name);
  const { slot, trial } = served;
  const versions = [served, ...(trial === undefined ? [] : [{ slot, ...trial }])];
  const named = version === undefined ? served : versions.find(({ bundle }) => bundle.model.version === version);
  if (named !== undefined) return named;
  const there = versions.map(({ bundle }) => bundle.model.version).join(" and ");
  const message = `Request for unknown version: '${slot}' version ${version ?? ""} is not found; version ${there} is there`;
  throw new InferenceError("unknown-version", message);
}

/** For requests that name no model. `example` shows how to name one. */
export function onlySlot(engine: Pick<InferenceEngine, "slots">, example: (slot: string) => string): ServedSlot {
  const [served, ...others] = engine.slots();
  if (served === undefined) throw new HttpError(503, "No model is served here yet", { "retry-after": "10" });
  if (others.length === 0) return served;
  const names = [served, ...others].map(({ slot }) => slot).join(", ");
  throw new HttpError(400, `Several models are served here (${names}): say which, as in ${example(served.slot)}`);
}
