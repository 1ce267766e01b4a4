import { tensorFromValues } from "../../protocol/tensor-values.ts";
import { ELEMENT_BYTES, elementCount, type Tensor, type TensorSpec } from "../../protocol/tensor.ts";

/** Numbers in [0, 1), small integers, a word: a load test asks how fast, not what. */
export function randomTensor({ name, datatype, shape: declared }: TensorSpec, batch: number): Tensor {
  const shape = declared.map((size) => (size === -1 ? batch : size));
  const count = elementCount(shape);
  switch (datatype) {
    case "FP16":
      // Half-precision numbers below 1: exponent bits under 0x3c00.
      return {
        name,
        datatype,
        shape,
        bytes: new Uint8Array(Uint16Array.from({ length: count }, () => random(0x3c00)).buffer),
      };
    case "FP32":
    case "FP64":
      return tensorFromValues({ name, datatype, shape }, Array.from({ length: count }, Math.random));
    case "BYTES":
      return tensorFromValues(
        { name, datatype, shape },
        Array.from({ length: count }, () => "word"),
      );
    case "BOOL":
      return tensorFromValues(
        { name, datatype, shape },
        Array.from({ length: count }, () => Math.random() < 0.5),
      );
    default:
      return tensorFromValues(
        { name, datatype, shape },
        Array.from({ length: count }, () => random(2 ** ELEMENT_BYTES[datatype])),
      );
  }
}

function random(below: number): number {
  return Math.floor(Math.random() * below);
}
