import t from "tap";
import { joinInputs, joinKey, rowsOf, splitRows } from "../../common/onnx-batch.ts";
import type { OnnxTensor } from "../../common/onnx-tensor.ts";

function floats(name: string, shape: readonly number[], ...values: number[]): OnnxTensor {
  return { name, datatype: "FP32", shape, bytes: new Uint8Array(Float32Array.from(values).buffer) };
}

function texts(name: string, ...values: string[]): OnnxTensor {
  const parts = values.flatMap((value) => {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(value.length);
    return [length, Buffer.from(value)];
  });
  return { name, datatype: "BYTES", shape: [values.length], bytes: Buffer.concat(parts) };
}

const numbers = ({ bytes }: OnnxTensor) => [...new Float32Array(new Uint8Array(bytes).buffer)];

t.test(
  "requests are joined row by row, whatever the order of their inputs, and their answers cut apart again",
  async (t) => {
    const joined = joinInputs([
      [floats("a", [1, 2], 1, 2), floats("b", [1], 10)],
      [floats("b", [2], 20, 30), floats("a", [2, 2], 3, 4, 5, 6)],
    ]);
    t.same(
      joined.map(({ name, shape }) => ({ name, shape })),
      [
        { name: "a", shape: [3, 2] },
        { name: "b", shape: [3] },
      ],
    );
    t.same(joined.map(numbers), [
      [1, 2, 3, 4, 5, 6],
      [10, 20, 30],
    ]);
    const parts = splitRows(joined, [1, 2]);
    t.same(
      parts?.map((outputs) => outputs.map(({ shape }) => shape)),
      [
        [[1, 2], [1]],
        [[2, 2], [2]],
      ],
    );
    t.same(
      parts?.map((outputs) => outputs.map(numbers)),
      [
        [[1, 2], [10]],
        [
          [3, 4, 5, 6],
          [20, 30],
        ],
      ],
    );
  },
);

t.test("texts of any length are cut apart where their rows end", async (t) => {
  const [first, second] = [texts("t", "a", "longer than the others"), texts("t", "")];
  const [joined] = joinInputs([[first], [second]]);
  t.same(joined?.shape, [3]);
  t.same(
    splitRows(joined === undefined ? [] : [joined], [2, 1])?.map(([part]) => Buffer.from(part?.bytes ?? [])),
    [first, second].map(({ bytes }) => Buffer.from(bytes)),
  );
});

t.test("a model that does not answer row by row gives nothing to cut apart", async (t) => {
  t.equal(splitRows([floats("y", [1], 1)], [1, 1]), undefined);
  t.equal(splitRows([floats("y", [], 1)], [1, 1]), undefined);
});

t.test("rows are what all inputs of a request have in common", async (t) => {
  t.equal(rowsOf([floats("a", [2, 1], 1, 2), floats("b", [2], 1, 2)]), 2);
  t.equal(rowsOf([floats("a", [2], 1, 2), floats("b", [1], 1)]), undefined, "two numbers of rows");
  t.equal(rowsOf([floats("a", [], 1)]), undefined, "a scalar");
  t.equal(rowsOf([floats("a", [0, 3])]), undefined, "nothing");
});

t.test("only what differs in its rows alone can be joined", async (t) => {
  const key = joinKey([floats("a", [1, 2], 1, 2), floats("b", [1], 1)]);
  t.equal(joinKey([floats("b", [4], 1, 2, 3, 4), floats("a", [4, 2])]), key);
  t.not(joinKey([floats("b", [1], 1), floats("a", [1, 3])]), key, "another size");
  t.not(joinKey([floats("a", [1, 2], 1, 2)]), key, "an input less");
});
