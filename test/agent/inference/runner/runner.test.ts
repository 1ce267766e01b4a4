import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import t from "tap";
import { RunnerGone, RUNNER_COMMAND } from "../../../../agent/inference/runner/runner-process.ts";
import { ModelFailure, startRunner } from "../../../../agent/inference/runner/runner.ts";
import { openLog } from "../../../../common/log.ts";
import { digitsFolder, floats } from "../../../support/model-folders.ts";
import { until } from "../../../support/until.ts";

const log = openLog("test", "silent");
const load = {
  file: `${digitsFolder("1.0.0").directory}/model.onnx`,
  provider: "cpu",
  settings: {},
  intraOpThreads: 1,
  ranges: {},
};

t.test("a runner says what the ONNX file holds, computes, and ends when asked", async (t) => {
  const runner = await startRunner(RUNNER_COMMAND, log);
  const loaded = await runner.load(load, 30_000);
  t.match(loaded, { knownProviders: ["cpu"], inputs: [{ name: "pixels", datatype: "FP32", shape: [-1, 64] }] });
  const { outputs, inferMs } = await runner.infer([floats("pixels", [1, 64], new Array<number>(64).fill(0))]);
  t.match(outputs, [{ name: "probabilities", datatype: "FP32", shape: [1, 10] }]);
  t.ok(inferMs > 0);
  t.ok(runner.residentBytes() > 30e6);
  t.ok(runner.peakPrivateBytes() > 20e6);
  // Where memory runs out the system ends a runner, which is started again, and not the agent.
  t.equal(readFileSync(`/proc/${String(runner.pid)}/oom_score_adj`, "utf8").trim(), "500");
  await runner.end();
  t.equal(await runner.ended, "it exited with code 0");
  t.equal(runner.residentBytes(), 0);
  await t.rejects(runner.infer([]), RunnerGone);
});

t.test("signals meant for the whole group do not end a runner before the agent does", async (t) => {
  const runner = await startRunner(RUNNER_COMMAND, log);
  await runner.load(load, 30_000);
  process.kill(runner.pid, "SIGINT");
  process.kill(runner.pid, "SIGTERM");
  t.ok((await runner.infer([floats("pixels", [1, 64], new Array<number>(64).fill(0))])).outputs[0]);
  await runner.end();
});

t.test("a runner loads no schemas: they would cost each of them 14 MB", async (t) => {
  const program = `
    const { registerHooks } = await import("node:module");
    const loaded = [];
    registerHooks({ resolve: (name, context, next) => { const found = next(name, context); loaded.push(found.url); return found; } });
    await import(${JSON.stringify(resolve("agent/inference/runner/runner-main.ts"))});
    console.log(JSON.stringify(loaded));`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    // The fourth is the channel to the agent.
    stdio: ["ignore", "pipe", "inherit", "pipe"],
  });
  const said = child.stdout;
  if (said === null) throw new Error("its output is a pipe");
  const [text] = (await once(createInterface({ input: said }), "line")) as [string];
  child.kill("SIGKILL");
  const loaded = JSON.parse(text) as string[];
  t.ok(loaded.some((url) => url.endsWith("/onnx-session.ts")));
  t.same(
    loaded.filter((url) => url.includes("/typebox/") || url.includes("/protocol/")),
    [],
  );
});

t.test("a model that refuses leaves the runner as it was", async (t) => {
  const runner = await startRunner(RUNNER_COMMAND, log);
  await t.rejects(
    runner.load({ ...load, file: "/nonesuch.onnx" }, 30_000),
    new ModelFailure("not-found", "There is no file /nonesuch.onnx"),
  );
  await t.rejects(runner.infer([]), { name: "ModelFailure", message: "No model is loaded" });
  await runner.end();
});

t.test("a runner that does not load in time is killed", async (t) => {
  const silent = { file: process.execPath, args: ["-e", "setInterval(() => {}, 60_000)"] };
  const runner = await startRunner(silent, log);
  await t.rejects(runner.load(load, 50), { name: "RunnerDeadline", message: /within 50 ms/ });
  t.equal(await runner.ended, "it was ended by SIGKILL");
});

t.test("a runner that does not end by itself is killed", async (t) => {
  const stubborn = { file: process.execPath, args: ["-e", "setInterval(() => {}, 60_000)"] };
  const runner = await startRunner(stubborn, log);
  await runner.end();
  t.equal(await runner.ended, "it was ended by SIGKILL");
});

t.test("a runner ends by itself when its agent dies", async (t) => {
  const program = `
    import { RUNNER_COMMAND } from ${JSON.stringify(resolve("agent/inference/runner/runner-process.ts"))};
    import { startRunner } from ${JSON.stringify(resolve("agent/inference/runner/runner.ts"))};
    import { openLog } from ${JSON.stringify(resolve("common/log.ts"))};
    const runner = await startRunner(RUNNER_COMMAND, openLog("agent", "silent"));
    await runner.load(${JSON.stringify(load)}, 30000);
    console.log(runner.pid);`;
  const agent = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines = createInterface({ input: agent.stdout });
  const [pid] = (await once(lines, "line")) as [string];
  agent.kill("SIGKILL");
  await until("the runner is gone", () => !existsSync(`/proc/${pid}/cmdline`));
  t.pass();
});
