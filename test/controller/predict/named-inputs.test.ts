import t from "tap";
import { tensorsByName } from "../../../controller/predict/named-inputs.ts";
import type { TensorSpec } from "../../../protocol/tensor.ts";

/** Silero VAD's: a batch of sound, and a scalar. */
const declared: readonly TensorSpec[] = [
  { name: "input", datatype: "FP32", shape: [-1, -1] },
  { name: "sr", datatype: "INT64", shape: [] },
];

t.test("values get the datatype that the model declares, and the shape that they have", async (t) => {
  const [input, rate] = tensorsByName({ input: [[0, 0.5, 1]], sr: 16_000 }, declared);
  t.match(input, { name: "input", datatype: "FP32", shape: [1, 3] });
  t.match(rate, { name: "sr", datatype: "INT64", shape: [] });
  t.equal(new DataView(Uint8Array.from(rate?.bytes ?? []).buffer).getBigInt64(0, true), 16_000n);
});

t.test("a name that the model does not have is refused with those that it has", async (t) => {
  t.throws(() => tensorsByName({ sound: [[0]] }, declared), { code: "bad-input", hint: /input, sr/ });
});

t.test("values that do not fit the datatype are refused with the place", async (t) => {
  t.throws(() => tensorsByName({ sr: 1.5 }, declared), { message: /tensor "sr".*1\.5/ });
});
