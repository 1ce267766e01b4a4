import t from "tap";
import { elementsIn } from "../../protocol/tensor-elements.ts";

t.test("halves are read as IEEE 754 says", async (t) => {
  const bits = Uint16Array.of(0x3c00, 0xc000, 0x0001, 0x7bff, 0x8000, 0xfc00, 0x7e00);
  const tensor = { name: "x", datatype: "FP16" as const, shape: [7], bytes: new Uint8Array(bits.buffer) };
  t.same(Array.from(elementsIn(tensor)), [1, -2, 2 ** -24, 65_504, -0, -Infinity, NaN]);
});

t.test("elements are read wherever in memory they begin", async (t) => {
  const memory = Buffer.alloc(9);
  memory.set(new Uint8Array(BigInt64Array.of(-5n).buffer), 1);
  const tensor = { name: "x", datatype: "INT64" as const, shape: [], bytes: memory.subarray(1) };
  t.same(Array.from(elementsIn(tensor)), [-5n]);
});
