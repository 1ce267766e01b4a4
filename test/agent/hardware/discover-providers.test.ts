import t from "tap";
import { discoverProviders } from "../../../agent/hardware/discover-providers.ts";
import { RUNNER_COMMAND } from "../../../agent/inference/runner/runner-process.ts";
import { openLog } from "../../../common/log.ts";
import { never, runnerPids } from "../../support/engine-bench.ts";

const log = openLog("test", "silent");

t.test("each provider of this onnxruntime is tried: it computes, or is told with the reason", async (t) => {
  const found = await discoverProviders({ command: RUNNER_COMMAND, log }, never);
  t.equal(found.working[0], "cpu");
  const cuda = found.failed.find(({ provider }) => provider === "cuda");
  t.match(cuda?.why ?? "", found.working.includes("cuda") ? "" : /lacks libonnxruntime_providers_cuda/);
  const all = [...found.working, ...found.failed.map(({ provider }) => provider)];
  t.equal(new Set(all).size, all.length);
  t.same(runnerPids(), [], "no process is left");
});

t.test("an onnxruntime that does not work at all is told as such", async (t) => {
  const dies = { file: process.execPath, args: ["-e", "process.exit(3)"] };
  await t.rejects(discoverProviders({ command: dies, log }, never), {
    code: "onnx-runtime",
    message: /does not work here: its process failed: .*exited with code 3/,
    hint: /FERRY_ORT_PATH/,
  });
});

t.test("it ends soon where it is stopped", async (t) => {
  await t.rejects(discoverProviders({ command: RUNNER_COMMAND, log }, AbortSignal.abort()), { code: "onnx-runtime" });
  t.same(runnerPids(), []);
});
