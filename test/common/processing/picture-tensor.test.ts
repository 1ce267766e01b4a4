import t from "tap";
import type { PictureInput } from "../../../protocol/bundle/preprocessing.ts";
import type { Datatype } from "../../../protocol/tensor.ts";
import { pictureTensor } from "../../../common/processing/picture-tensor.ts";
import { drawn } from "../../support/pictures.ts";

const picture = drawn(2, 1, (x) => (x === 0 ? [255, 0, 51] : [0, 102, 204]));
const entry = {
  kind: "picture",
  input: "x",
  resize: { mode: "stretch", width: 2, height: 1 },
  colour: "rgb",
  layout: "nchw",
} as const;

function made(change: Partial<PictureInput>, datatype: Datatype = "FP32", shape: number[] = [1, 3, 1, 2]) {
  return pictureTensor(picture, { ...entry, ...change }, { name: "x", datatype, shape });
}
const floats = (bytes: Uint8Array) => [...new Float32Array(bytes.buffer)].map((value) => Number(value.toFixed(4)));

t.test("planes of colours, or pixels of colours, in either order", async (t) => {
  t.same(floats(made({}).bytes), [255, 0, 0, 102, 51, 204]);
  t.same(floats(made({ colour: "bgr" }).bytes), [51, 204, 0, 102, 255, 0]);
  t.same(floats(made({ layout: "nhwc" }).bytes), [255, 0, 51, 0, 102, 204]);
  t.same(floats(made({ layout: "hwc", colour: "bgr" }).bytes), [51, 0, 255, 204, 102, 0]);
});

t.test("gray is luma", async (t) => {
  const tensor = made({ colour: "gray", layout: "hw" }, "UINT8", [1, 2]);
  t.match(tensor, { datatype: "UINT8", shape: [1, 2] });
  t.same([...tensor.bytes], [82, 83]);
});

t.test("scaled, less the mean, by the deviation of each colour", async (t) => {
  const { bytes } = made({ scale: 1 / 255, mean: [0.5, 0.4, 0.2], std: [0.5, 0.2, 0.1] });
  t.same(floats(bytes), [1, -1, -2, 0, 0, 6]);
  t.same(floats(made({ scale: 1 / 255, mean: [0.5], std: [0.5] }).bytes), [1, -1, -1, -0.2, -0.6, 0.6]);
});

t.test("shapes as the layout says, flat as the input does", async (t) => {
  t.same(made({ layout: "chw" }).shape, [3, 1, 2]);
  t.same(made({ layout: "nhwc" }).shape, [1, 1, 2, 3]);
  t.same(made({ layout: "flat" }, "FP32", [-1, 6]).shape, [1, 6]);
});

t.test("half precision where the model takes it", async (t) => {
  const { bytes } = made({ scale: 1 / 255 }, "FP16");
  t.same(
    [...new Uint16Array(bytes.buffer)].map((bits) => bits.toString(16)),
    ["3c00", "0", "0", "3666", "3266", "3a66"],
  );
});
