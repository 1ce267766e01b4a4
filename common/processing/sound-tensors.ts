import type { SoundInput } from "../../protocol/bundle/preprocessing.ts";
import { concreteShape } from "../../protocol/bundle/processing-mistake.ts";
import type { Tensor, TensorSpec } from "../../protocol/tensor.ts";
import type { Sound } from "./decode/read-wav.ts";
import { halfFloats } from "./half-float.ts";
import { ProcessingError } from "./processing-error.ts";
import { resampleSound } from "./resample-sound.ts";

/** Pieces of one sound, each of which is one inference: ten minutes in steps of 32 ms, with room. */
export const FRAMES_MAX = 20_000;

/** The sound as the model takes it: one tensor, or one for each frame. Throws ProcessingError. */
export function soundTensors(sound: Sound, entry: SoundInput, spec: TensorSpec): Tensor[] {
  const samples = scaled(resampleSound(sound.samples, sound.sampleRate, entry.sampleRate), entry.scale ?? 1);
  const { frame } = entry;
  if (frame === undefined) return [tensorOf(wholeSound(samples, entry, spec), spec)];
  const { samples: length, step = length } = frame;
  const count = Math.max(1, Math.ceil((samples.length - (length - step)) / step));
  if (count > FRAMES_MAX) {
    throw new ProcessingError("media-too-large", `The sound has ${count} frames; at most ${FRAMES_MAX} are taken`);
  }
  return Array.from({ length: count }, (_, at) => tensorOf(piece(samples, at * step, length), spec));
}

function scaled(samples: Float32Array, scale: number): Float32Array {
  return scale === 1 ? samples : samples.map((sample) => sample * scale);
}

function wholeSound(samples: Float32Array, { sampleRate }: SoundInput, spec: TensorSpec): Float32Array {
  const wanted = spec.shape.at(-1) ?? -1;
  if (wanted === -1) return samples;
  if (samples.length > wanted) {
    const most = (wanted / sampleRate).toFixed(2);
    throw new ProcessingError(
      "media-too-large",
      `The sound has ${samples.length} samples; the model takes ${wanted}, which is ${most} s`,
    );
  }
  return piece(samples, 0, wanted);
}

/** What is beyond the end is silence. */
function piece(samples: Float32Array, from: number, length: number): Float32Array {
  const frame = new Float32Array(length);
  frame.set(samples.subarray(from, from + length));
  return frame;
}

function tensorOf(samples: Float32Array, spec: TensorSpec): Tensor {
  const { name, datatype } = spec;
  const shape = [...concreteShape(spec).slice(0, -1), samples.length];
  const array = datatype === "FP16" ? halfFloats(samples) : samples;
  return { name, datatype, shape, bytes: new Uint8Array(array.buffer, array.byteOffset, array.byteLength) };
}
