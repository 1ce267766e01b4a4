import { tensorFromValues } from "../../protocol/tensor-values.ts";
import { ELEMENT_BYTES, elementCount, type TensorSpec } from "../../protocol/tensor.ts";
import type { SampleCase } from "./sample-inputs.ts";

/** Few: they show that two machines compute alike, and more of the same noise would show no more. */
const SYNTHETIC_CASES = 3;

/** A synthetic tensor beyond this many elements is more likely a mistake about a model than a model. */
const ELEMENTS_MAX = 64 * 1024 ** 2;

/**
 * Inputs for a model of which nothing but its interface is known: the same numbers on every machine, dimensions that
 * vary taken as 1. Floats lie in [0, 1), integers are 0 or 1, so that an index or a token stays within any table.
 */
export function syntheticSamples(specs: readonly TensorSpec[]): SampleCase[] {
  return Array.from({ length: SYNTHETIC_CASES }, (_, at) => {
    const random = randomFrom(at + 1);
    return {
      name: `synthetic ${at + 1}`,
      inputs: specs.map((spec) => {
        const shape = spec.shape.map((dimension) => (dimension === -1 ? 1 : dimension));
        const count = elementCount(shape);
        if (count > ELEMENTS_MAX) throw new RangeError(`input "${spec.name}" would have ${count} elements`);
        if (spec.datatype === "FP16") return { ...spec, shape, bytes: halves(count, random) };
        return tensorFromValues(
          { name: spec.name, datatype: spec.datatype, shape },
          shape.length === 0 ? valueOf(spec, random) : Array.from({ length: count }, () => valueOf(spec, random)),
        );
      }),
    };
  });
}

function valueOf({ datatype }: TensorSpec, random: () => number): number | boolean | string {
  switch (datatype) {
    case "FP32":
    case "FP64":
      return random();
    case "BOOL":
      return random() < 0.5;
    case "BYTES":
      return random() < 0.5 ? "a" : "b";
    default:
      return random() < 0.5 ? 0 : 1;
  }
}

/** IEEE 754 half precision in [0.5, 1): exponent 14, ten random bits of fraction. */
function halves(count: number, random: () => number): Uint8Array {
  const bytes = new Uint8Array(count * ELEMENT_BYTES.FP16);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < count; at += 1) {
    view.setUint16(at * ELEMENT_BYTES.FP16, (14 << 10) | Math.floor(random() * 1_024), true);
  }
  return bytes;
}

/** Mulberry32: 32 bits of state, uniform in [0, 1). Good enough for noise, and the same on every machine. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
