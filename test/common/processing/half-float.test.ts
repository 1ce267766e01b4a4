import t from "tap";
import { halfFloats } from "../../../common/processing/half-float.ts";
import { elementsIn } from "../../../protocol/tensor-elements.ts";

t.test("numbers that half precision has come back as they were", async (t) => {
  const exact = [0, 1, -1, 0.5, 65_504, -65_504, 2 ** -14, 2 ** -24, 1_024, 0.333251953125, Infinity, -Infinity];
  const halves = halfFloats(Float32Array.from(exact));
  const back = elementsIn({ name: "x", datatype: "FP16", shape: [exact.length], bytes: new Uint8Array(halves.buffer) });
  t.same(Array.from(back), exact);
});

t.test("others are rounded to the nearest, halves to even", async (t) => {
  const cases = [
    [65_519, 0x7bff],
    [65_520, 0x7c00],
    [1e10, 0x7c00],
    [1 + 2 ** -11, 0x3c00],
    [1 + 3 * 2 ** -11, 0x3c02],
    [2 ** -25, 0],
    [2 ** -25 * 1.5, 1],
    [2 ** -26, 0],
    [-1e-10, 0x8000],
    [2 ** -14 - 2 ** -26, 0x400],
  ] as const;
  for (const [value, bits] of cases) t.equal(halfFloats(Float32Array.of(value))[0], bits, String(value));
  t.equal((halfFloats(Float32Array.of(Number.NaN))[0] ?? 0) & 0x7e00, 0x7e00);
});
