/** One inference, or one for each frame of a sound with what the model remembers handed on: by one and the same version. */
import type { ModelName, ModelVersion } from "../../protocol/ids.ts";
import type { ModelJson } from "../../protocol/bundle/model-json.ts";
import type { Tensor } from "../../protocol/tensor.ts";
import { handedOn } from "../../common/processing/infer-sequence.ts";
import type { InferenceEngine, InferResponse, VerifiedBundle } from "../inference/inference-engine.ts";
import { InferenceError } from "../inference/inference-error.ts";

export interface FramesRequest {
  readonly slot: ModelName;
  readonly version?: ModelVersion;
  readonly key: string;
  /** The caller's own name for the request, where there is one frame: of several nobody knows which is meant. */
  readonly id?: string;
  /** Of one input; at least one. */
  readonly frames: readonly Tensor[];
  /** The other inputs, as they are at the beginning. */
  readonly beside: readonly Tensor[];
  /** For all of them. */
  readonly timeoutMs: number;
}

export interface SequenceAnswer {
  readonly kind: "answered";
  /** Of the last inference; its times are those of all together. */
  readonly response: InferResponse;
  readonly frames: readonly (readonly Tensor[])[];
}

/** The version that answered expects other inputs than those that were made; nothing of its answer is of use. */
export interface Superseded {
  readonly kind: "superseded";
  readonly bundle: VerifiedBundle;
}

/** Throws InferenceError. */
export async function inferFrames(
  engine: Pick<InferenceEngine, "infer">,
  prepared: VerifiedBundle,
  { slot, version, key, id, frames, beside, timeoutMs }: FramesRequest,
): Promise<SequenceAnswer | Superseded> {
  const untilMs = performance.now() + timeoutMs;
  const outputs: (readonly Tensor[])[] = [];
  let inputs = beside;
  let last: InferResponse | undefined;
  let [queueMs, inferMs] = [0, 0];
  for (const frame of frames) {
    const leftMs = untilMs - performance.now();
    if (leftMs <= 0)
      throw new InferenceError("timed-out", `The time was over after ${outputs.length} of ${frames.length} frames`);
    const response = await engine.infer({
      slot,
      key,
      inputs: [frame, ...inputs],
      timeoutMs: leftMs,
      ...(version === undefined ? {} : { version }),
      ...(id === undefined || frames.length > 1 ? {} : { id }),
    });
    // What a sequence model remembers, no other version understands.
    const before = last?.bundle ?? prepared;
    const isSame =
      before.statement === response.statement || (last === undefined && preparesAlike(before, response.bundle));
    if (!isSame) return { kind: "superseded", bundle: response.bundle };
    outputs.push(response.outputs);
    inputs = handedOn(response.bundle.model, inputs, response.outputs);
    queueMs += response.queueMs;
    inferMs += response.inferMs;
    last = response;
  }
  if (last === undefined)
    throw new InferenceError("bad-request", "There is nothing to compute: the sound has no frame");
  return { kind: "answered", response: { ...last, queueMs, inferMs }, frames: outputs };
}

/** Whether the same picture becomes the same inputs for both. */
function preparesAlike({ model: one }: VerifiedBundle, { model: other }: VerifiedBundle): boolean {
  const described = ({ inputs, preprocessing }: ModelJson) => JSON.stringify([inputs, preprocessing]);
  return described(one) === described(other);
}
