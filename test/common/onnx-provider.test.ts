import t from "tap";
import { FAILURE_CHARS_MAX, optionNames, providerConfigs, providerFailure } from "../../common/onnx-provider.ts";

const known = new Set(["cpu", "cuda", "tensorrt"]);
const settings = {
  cuda: { memoryBytes: 2 ** 30 },
  tensorrt: { halfPrecision: true, workspaceBytes: 2 ** 28 },
  engineFolder: "/engines/a",
};

t.test("the processor takes what a provider lacks, and CUDA what TensorRT lacks", async (t) => {
  t.same(providerConfigs("cpu", settings, known), ["cpu"]);
  t.same(providerConfigs("webgpu", settings, known), [{ name: "webgpu" }, "cpu"]);
  t.same(providerConfigs("cuda", {}, known), [{ name: "cuda" }, "cpu"]);
  t.same(providerConfigs("tensorrt", {}, known), [{ name: "tensorrt" }, { name: "cuda" }, "cpu"]);
  t.same(providerConfigs("tensorrt", {}, new Set(["cpu", "tensorrt"])), [{ name: "tensorrt" }, "cpu"]);
});

t.test("settings go to the provider that they are for, under onnxruntime's names", async (t) => {
  const tensorrt = {
    name: "tensorrt",
    trtFp16Enable: true,
    trtMaxWorkspaceSize: 2 ** 28,
    trtEngineCacheEnable: true,
    trtEngineCachePath: "/engines/a",
    trtTimingCacheEnable: true,
    trtTimingCachePath: "/engines/a",
  };
  t.same(providerConfigs("tensorrt", settings, known), [tensorrt, { name: "cuda", gpuMemLimit: 2 ** 30 }, "cpu"]);
  t.same(optionNames("cuda", settings), ["gpuMemLimit"]);
  t.same(optionNames("cpu", settings), []);
});

const said = [
  {
    text: "/onnxruntime_src/x.cc:65 onnxruntime::webgpu::f(const C&)::<lambda(a, b*)> status == X::Success was false. The adapter is lost\n\n",
    means: "The adapter is lost",
  },
  { text: "[ONNXRuntimeError] : 1 : FAIL : cannot compile node A\nsecond line", means: "cannot compile node A" },
  { text: "CUDA failure 100: no CUDA-capable device is detected ; GPU=-1", means: "no CUDA device was found" },
  {
    text: "CUDA failure 35: CUDA driver version is insufficient for CUDA runtime version",
    means: "the CUDA driver is older than this onnxruntime needs",
  },
  { text: "", means: "it failed without a reason" },
];
for (const { text, means } of said) {
  t.test(`what onnxruntime says becomes "${means}"`, async (t) => {
    t.equal(providerFailure("cuda", text), means);
  });
}

t.test("a sentence is bounded", async (t) => {
  t.equal(providerFailure("cuda", "x".repeat(10_000)).length, FAILURE_CHARS_MAX);
});
