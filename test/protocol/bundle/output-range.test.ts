import t from "tap";
import { isOutside } from "../../../protocol/bundle/output-range.ts";
import type { Tensor } from "../../../protocol/tensor.ts";

const float = (...values: number[]): Tensor => ({
  name: "y",
  datatype: "FP32",
  shape: [values.length],
  bytes: new Uint8Array(Float32Array.from(values).buffer),
});

const cases = [
  { what: "both ends", tensor: float(0, 1), outside: false },
  { what: "a value above", tensor: float(0, 1.5), outside: true },
  { what: "a value below", tensor: float(-1, 0), outside: true },
  { what: "NaN", tensor: float(NaN), outside: true },
  { what: "nothing", tensor: float(), outside: false },
  {
    what: "a text",
    tensor: { name: "y", datatype: "BYTES", shape: [1], bytes: Uint8Array.of(1, 0, 0, 0, 0x39) } as const,
    outside: false,
  },
];
for (const { what, tensor, outside } of cases) {
  t.test(`${what} ${outside ? "lies outside" : "keeps to"} a range of 0 to 1`, async (t) => {
    t.equal(isOutside(tensor, [0, 1]), outside);
  });
}
