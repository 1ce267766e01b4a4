import t from "tap";
import { quantizeValues, transposed } from "../../../../controller/bundles/onnx/quantize-values.ts";

t.test("each channel has its own scale, and no weight is further off than half a step of it", async (t) => {
  const weights = Float32Array.of(0.1, -0.2, 0.05, 100, 50, -127);
  for (const { axis, channels } of [
    { axis: 0, channels: [0, 0, 0, 1, 1, 1] },
    { axis: 1, channels: [0, 1, 2, 0, 1, 2] },
  ]) {
    const quantized = quantizeValues(weights, { shape: [2, 3], axis, levelMax: 127 });
    const { values = [], scales = [] } = quantized ?? {};
    t.equal(scales.length, axis === 0 ? 2 : 3);
    for (const [at, weight] of weights.entries()) {
      const scale = scales[channels[at] ?? 0] ?? 0;
      t.ok(Math.abs((values[at] ?? 0) * scale - weight) <= 0.5001 * scale, `axis ${axis}, weight ${weight}`);
    }
  }
});

t.test("zero stays zero, and a channel of nothing but zeros is zeros", async (t) => {
  t.match(quantizeValues(Float32Array.of(0, 0, 0, 7), { shape: [2, 2], axis: 0, levelMax: 63 }), {
    values: Int8Array.of(0, 0, 0, 63),
    scales: Float32Array.of(1, 7 / 63),
  });
  t.match(quantizeValues(Float32Array.of(1e-45, -1e-45), { shape: [1, 2], axis: 0, levelMax: 127 }), {
    values: Int8Array.of(0, 0),
  });
});

t.test("what is no finite number is not quantised", async (t) => {
  for (const bad of [NaN, Infinity, -Infinity]) {
    t.equal(quantizeValues(Float32Array.of(1, bad), { shape: [2], axis: 0, levelMax: 127 }), undefined);
  }
});

t.test("a matrix is turned over", async (t) => {
  t.same(transposed(Int8Array.of(1, 2, 3, 4, 5, 6), 2, 3), Int8Array.of(1, 4, 2, 5, 3, 6));
});
