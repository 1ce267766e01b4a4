import t from "tap";
import { inputFromNpy, inputOf, inputsByName, onlyInput } from "../../../agent/serve/model-inputs.ts";
import { valuesFromTensor } from "../../../protocol/tensor-values.ts";
import type { TensorSpec } from "../../../protocol/tensor.ts";

const x: TensorSpec = { name: "x", datatype: "FP32", shape: [-1, 2] };
const y: TensorSpec = { name: "y", datatype: "INT64", shape: [1] };

t.test("one example may come without the batch around it, where the model takes batches", async (t) => {
  t.match(inputOf(x, [1, 2]), { shape: [1, 2], datatype: "FP32" });
  t.match(
    inputOf(x, [
      [1, 2],
      [3, 4],
    ]),
    { shape: [2, 2] },
  );
  t.match(inputOf(y, 5), { shape: [1] });
  t.match(inputOf({ ...x, shape: [3, 2] }, [1, 2]), { shape: [2] }, "a fixed batch is not made up");
});

t.test("inputs go by their names, and a wrong name is told the right ones", async (t) => {
  t.match(inputsByName([x, y], { y: [7], x: [[1, 2]] }), [{ name: "y" }, { name: "x" }]);
  t.throws(() => inputsByName([x, y], { z: [1] }), {
    status: 400,
    message: /no input "z"; the model's inputs are "x", "y"/,
  });
});

t.test("values without a name are for a model with one input", async (t) => {
  t.equal(onlyInput([x]), x);
  t.throws(() => onlyInput([x, y]), { status: 400, message: /has the inputs "x", "y"/ });
  t.throws(() => onlyInput([]), { status: 400, message: /has the inputs/ });
});

t.test("numbers of another kind are taken where the model's own kind can hold them", async (t) => {
  const doubles = { datatype: "FP64", shape: [2], bytes: new Uint8Array(Float64Array.of(1, 2).buffer) } as const;
  const tensor = inputFromNpy(x, doubles);
  t.match(tensor, { datatype: "FP32", shape: [1, 2] });
  t.same(valuesFromTensor(tensor), [1, 2]);
  const halves = { ...doubles, shape: [1], bytes: new Uint8Array(Float64Array.of(1.5).buffer) };
  t.throws(() => inputFromNpy(y, halves), { message: /expected an integer/ });
});
