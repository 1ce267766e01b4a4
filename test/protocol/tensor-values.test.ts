import t from "tap";
import { nestValues, shapeOfNested, tensorFromValues, valuesFromTensor } from "../../protocol/tensor-values.ts";
import type { Datatype } from "../../protocol/tensor.ts";

const same: { datatype: Datatype; shape: number[]; values: unknown; hex: string; flat?: unknown[] }[] = [
  { datatype: "BOOL", shape: [2], values: [true, false], hex: "0100" },
  { datatype: "UINT8", shape: [2], values: [0, 255], hex: "00ff" },
  { datatype: "UINT16", shape: [1], values: [65_535], hex: "ffff" },
  { datatype: "UINT32", shape: [1], values: [4_294_967_295], hex: "ffffffff" },
  { datatype: "UINT64", shape: [1], values: [2 ** 53 - 1], hex: "ffffffffffff1f00" },
  { datatype: "INT8", shape: [2], values: [-128, 127], hex: "807f" },
  { datatype: "INT16", shape: [1], values: [-2], hex: "feff" },
  { datatype: "INT32", shape: [1], values: [-2], hex: "feffffff" },
  { datatype: "INT64", shape: [], values: 16_000, hex: "803e000000000000", flat: [16_000] },
  { datatype: "INT64", shape: [1], values: [-(2 ** 53) + 1], hex: "010000000000e0ff" },
  { datatype: "FP32", shape: [2], values: [1.5, -2], hex: "0000c03f000000c0" },
  { datatype: "FP64", shape: [1], values: [0.1], hex: "9a9999999999b93f" },
  { datatype: "BYTES", shape: [2], values: ["", "ø"], hex: "0000000002000000c3b8" },
  {
    datatype: "UINT8",
    shape: [2, 2],
    values: [
      [1, 2],
      [3, 4],
    ],
    hex: "01020304",
    flat: [1, 2, 3, 4],
  },
  { datatype: "UINT8", shape: [2, 2], values: [1, 2, 3, 4], hex: "01020304" },
  { datatype: "UINT8", shape: [0, 2], values: [], hex: "" },
];
for (const { datatype, shape, values, hex, flat } of same) {
  t.test(`${datatype} [${shape.join(", ")}] ${JSON.stringify(values)} is ${hex} and back`, async (t) => {
    const tensor = tensorFromValues({ name: "x", datatype, shape }, values);
    t.equal(Buffer.from(tensor.bytes).toString("hex"), hex);
    t.same(valuesFromTensor(tensor), flat ?? values);
  });
}

const refused: { datatype: Datatype; shape: number[]; values: unknown; says: string }[] = [
  { datatype: "FP32", shape: [2], values: [1], says: "data has 1 values, expected 2 for the shape [2]" },
  { datatype: "FP32", shape: [2], values: 1, says: "data is 1, expected an array" },
  { datatype: "FP32", shape: [2], values: undefined, says: "data is undefined, expected an array" },
  { datatype: "FP32", shape: [2, 2], values: [[1, 2]], says: "dimension 0 of data has 1 parts, expected 2" },
  {
    datatype: "FP32",
    shape: [2, 2],
    values: [[1, 2], [3]],
    says: "dimension 1 of data has 1 parts, expected 2 for the shape [2, 2]",
  },
  { datatype: "FP32", shape: [1, 2], values: [[1, [2]]], says: "element 1 is an array of 1, expected a number (FP32)" },
  { datatype: "FP32", shape: [1], values: ["1"], says: 'element 0 is "1", expected a number (FP32)' },
  { datatype: "FP32", shape: [1], values: [null], says: "element 0 is null, expected a number (FP32)" },
  {
    datatype: "FP32",
    shape: [1],
    values: [1e39],
    says: "element 0 is 1e+39, expected a number within its range (FP32)",
  },
  { datatype: "FP64", shape: [1], values: [NaN], says: "element 0 is NaN, expected a number within its range (FP64)" },
  { datatype: "FP16", shape: [1], values: [1], says: "FP16 has no form in JSON: send it as binary data" },
  { datatype: "BOOL", shape: [1], values: [1], says: "element 0 is 1, expected true or false (BOOL)" },
  { datatype: "BYTES", shape: [1], values: [1], says: "element 0 is 1, expected a text (BYTES)" },
  { datatype: "UINT8", shape: [1], values: [256], says: "element 0 is 256, expected 0 to 255 (UINT8)" },
  { datatype: "INT8", shape: [1], values: [-129], says: "element 0 is -129, expected -128 to 127 (INT8)" },
  { datatype: "INT32", shape: [1], values: [1.5], says: "element 0 is 1.5, expected an integer (INT32)" },
  {
    datatype: "UINT64",
    shape: [1],
    values: [-1],
    says: "element 0 is -1, expected 0 to 18446744073709552000 (UINT64)",
  },
  {
    datatype: "INT64",
    shape: [1],
    values: [2 ** 53],
    says: "element 0 is beyond 2^53, where JSON loses digits: send it as binary data",
  },
];
for (const { datatype, shape, values, says } of refused) {
  t.test(`${datatype} [${shape.join(", ")}] refuses ${JSON.stringify(values)}`, async (t) => {
    t.throws(() => tensorFromValues({ name: "x", datatype, shape }, values), {
      code: "SCHEMA",
      message: `tensor "x": ${says}`,
    });
  });
}

const unspeakable: { datatype: Datatype; bytes: ArrayBufferView; says: RegExp }[] = [
  { datatype: "FP16", bytes: Uint16Array.of(0x3c00), says: /FP16 has no form in JSON: ask for it as binary/ },
  { datatype: "FP32", bytes: Float32Array.of(NaN), says: /element 0 is NaN, which JSON cannot carry/ },
  { datatype: "FP64", bytes: Float64Array.of(-Infinity), says: /element 0 is -Infinity, which JSON cannot carry/ },
  { datatype: "INT64", bytes: BigInt64Array.of(2n ** 53n), says: /element 0 is beyond 2\^53/ },
  { datatype: "BYTES", bytes: Uint8Array.of(1, 0, 0, 0, 0xff), says: /element 0 is not UTF-8 text/ },
  { datatype: "BYTES", bytes: Uint8Array.of(9, 0, 0, 0, 0xff), says: /ends in the middle of element 0/ },
  { datatype: "BYTES", bytes: new Uint8Array(0), says: /has 0 elements, expected 1/ },
  { datatype: "FP32", bytes: new Uint8Array(3), says: /has 3 bytes, expected 4 for FP32 \[1\]/ },
];
for (const { datatype, bytes, says } of unspeakable) {
  t.test(`a ${datatype} output is refused in JSON where ${says.source}`, async (t) => {
    const tensor = { name: "y", datatype, shape: [1], bytes: new Uint8Array(bytes.buffer) };
    t.throws(() => valuesFromTensor(tensor), { code: "SCHEMA", message: says });
  });
}

t.test("flat values nest as the shape says, and a shape can be read from nested values", async (t) => {
  const nested = nestValues([1, 2, 3, 4, 5, 6], [2, 1, 3]);
  t.same(nested, [[[1, 2, 3]], [[4, 5, 6]]]);
  t.same(shapeOfNested(nested), [2, 1, 3]);
  t.same(nestValues([7], []), 7);
  t.same(shapeOfNested(7), []);
});
