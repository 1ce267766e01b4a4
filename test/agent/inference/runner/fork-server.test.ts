import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import t from "tap";
import { openForkServer } from "../../../../agent/inference/runner/fork-server.ts";
import { RUNNER_COMMAND } from "../../../../agent/inference/runner/runner-process.ts";
import { startRunner, type Runner } from "../../../../agent/inference/runner/runner.ts";
import { openLog } from "../../../../common/log.ts";
import { digitsFolder, floats } from "../../../support/model-folders.ts";
import { childrenOf, parentOf } from "../../../support/processes.ts";
import { until } from "../../../support/until.ts";

const log = openLog("test", "silent");
const load = {
  file: `${digitsFolder("1.0.0").directory}/model.onnx`,
  provider: "cpu",
  settings: {},
  intraOpThreads: 1,
  ranges: {},
};
const LONG_NAME = "x".repeat(100);
const silent = { file: process.execPath, args: ["-e", "setInterval(() => {}, 60_000)"] };

t.test("a runner of the fork server computes and ends as one that the agent started", async (t) => {
  using server = openForkServer(log);
  const runner = await startRunner(RUNNER_COMMAND, log, server);
  t.equal(parentOf(parentOf(parentOf(runner.pid))), process.pid);
  await answers(runner);
  await runner.end();
  t.equal(await runner.ended, "it exited with code 0");
});

t.test("it says how a runner ended that did not end by itself", async (t) => {
  using server = openForkServer(log);
  const killed = await startRunner(silent, log, server);
  const exited = await startRunner({ file: process.execPath, args: ["-e", "process.exit(3)"] }, log, server);
  const missing = await startRunner({ file: "/nonesuch", args: [] }, log, server);
  killed.kill();
  t.equal(await killed.ended, "it was ended by SIGKILL");
  t.equal(await exited.ended, "it exited with code 3");
  const denied = await startRunner({ file: resolve("package.json"), args: [] }, log, server);
  t.equal(await missing.ended, "it could not be run: there is no program /nonesuch");
  t.match(await denied.ended, /could not be run: the system does not execute .*package.json/);
  await t.rejects(missing.load(load, 30_000), { name: "RunnerGone", message: /there is no program \/nonesuch/ });
});

t.test("arguments reach the program as they are", async (t) => {
  const told = join(t.testdir(), "it's told");
  const args = ["a b", "it's", '"$HOME"', "`id`\n$(id) \\", "", "*"];
  const program = `require("node:fs").writeFileSync(${JSON.stringify(told)}, JSON.stringify(process.argv.slice(1)))`;
  using server = openForkServer(log);
  const runner = await startRunner({ file: process.execPath, args: ["-e", program, "--", ...args] }, log, server);
  t.equal(await runner.ended, "it exited with code 0");
  t.same(JSON.parse(readFileSync(told, "utf8")), args);
});

t.test("many runners leave nothing behind", async (t) => {
  // Not below the test's own folder: the path of a socket holds 107 bytes.
  const folder = mkdtempSync(join(tmpdir(), "ferry-"));
  t.teardown(() => {
    rmSync(folder, { recursive: true });
  });
  using _place = makeTmpdir(folder);
  using server = openForkServer(log);
  const first = await startRunner(silent, log, server);
  const shell = parentOf(parentOf(first.pid));
  for (let round = 0; round < 5; round += 1) {
    const runners = await Promise.all([1, 2, 3].map(() => startRunner(silent, log, server)));
    for (const { kill } of runners) kill();
    await Promise.all(runners.map(({ ended }) => ended));
  }
  await until("only the first one is left", () => childrenOf(shell).length === 1);
  first.kill();
  await first.ended;
  await until("the last shell is gone", () => childrenOf(shell).length === 0);
  await until("their sockets are gone", () => readdirSync(tmpdir()).length === 0);
});

t.test("runners outlive the shell that started them, and the next one gets a new shell", async (t) => {
  using server = openForkServer(log);
  const runner = await startRunner(RUNNER_COMMAND, log, server);
  await runner.load(load, 30_000);
  const shell = parentOf(parentOf(runner.pid));
  process.kill(shell, "SIGKILL");
  await until("the shell is gone", () => !existsSync(`/proc/${String(shell)}/cmdline`));
  const next = await startRunner(RUNNER_COMMAND, log, server);
  t.not(parentOf(parentOf(next.pid)), shell);
  await Promise.all([runner, next].map(answers));
  runner.kill();
  t.equal(await runner.ended, "it was ended by SIGKILL");
  await next.end();
});

t.test("a runner whose own shell was killed is still seen to end", async (t) => {
  using server = openForkServer(log);
  const runner = await startRunner(RUNNER_COMMAND, log, server);
  await answers(runner);
  process.kill(parentOf(runner.pid), "SIGKILL");
  runner.kill();
  t.equal(await runner.ended, "it closed its channel");
});

t.test("where there is no shell, or no place for a socket, the agent starts its runners itself", async (t) => {
  const nonesuch = join(t.testdir(), "nonesuch");
  const servers = {
    "no shell": { server: openForkServer(log, "/nonesuch/sh"), place: tmpdir() },
    "no shell's answer": { server: openForkServer(log, "/bin/false"), place: tmpdir() },
    "no place": { server: openForkServer(log), place: nonesuch },
    "no short path": { server: openForkServer(log), place: join(t.testdir({ [LONG_NAME]: {} }), LONG_NAME) },
  };
  for (const [name, { server, place }] of Object.entries(servers)) {
    using _place = makeTmpdir(place);
    using starting = server;
    const runner = await startRunner(RUNNER_COMMAND, log, starting);
    t.equal(parentOf(runner.pid), process.pid, name);
    await answers(runner);
    await runner.end();
  }
});

t.test("runner and shells end by themselves when their agent dies", async (t) => {
  const { agent, line } = await startAgent("console.log(runner.pid);");
  const pids = [Number(line), parentOf(Number(line)), parentOf(parentOf(Number(line)))];
  agent.kill("SIGKILL");
  await until("all of them are gone", () => pids.every((pid) => !existsSync(`/proc/${String(pid)}/cmdline`)));
  t.pass();
});

const ends = [
  { does: "ended", then: "await runner.end();", why: "it exited with code 0" },
  {
    does: "was killed with its shell",
    then: 'for (const pid of [parentOf(runner.pid), runner.pid]) process.kill(pid, "SIGKILL");',
    why: "it closed its channel",
  },
];
for (const { does, then, why } of ends) {
  t.test(`it keeps no process alive whose only runner ${does}`, async (t) => {
    const { agent, line } = await startAgent(`${then} console.log(await runner.ended);`);
    t.equal(line, why);
    if (agent.exitCode === null) await once(agent, "exit");
    t.equal(agent.exitCode, 0);
  });
}

/** A process with a fork server and a runner that has loaded; `line` is the first that `then` writes. */
async function startAgent(then: string): Promise<{ readonly agent: ChildProcess; readonly line: string }> {
  const module = (path: string) => JSON.stringify(resolve(path));
  const program = `
    import { openForkServer } from ${module("agent/inference/runner/fork-server.ts")};
    import { RUNNER_COMMAND } from ${module("agent/inference/runner/runner-process.ts")};
    import { startRunner } from ${module("agent/inference/runner/runner.ts")};
    import { openLog } from ${module("common/log.ts")};
    import { parentOf } from ${module("test/support/processes.ts")};
    const log = openLog("agent", "silent");
    const runner = await startRunner(RUNNER_COMMAND, log, openForkServer(log));
    await runner.load(${JSON.stringify(load)}, 30000);
    ${then}`;
  const agent = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await once(createInterface({ input: agent.stdout }), "line")) as [string];
  return { agent, line };
}

async function answers(runner: Runner): Promise<void> {
  await runner.load(load, 30_000);
  const { outputs } = await runner.infer([floats("pixels", [1, 64], new Array<number>(64).fill(0))]);
  t.match(outputs, [{ name: "probabilities", shape: [1, 10] }]);
}

function makeTmpdir(folder: string): Disposable {
  const former = process.env["TMPDIR"];
  process.env["TMPDIR"] = folder;
  return {
    [Symbol.dispose]: () => {
      if (former === undefined) delete process.env["TMPDIR"];
      else process.env["TMPDIR"] = former;
    },
  };
}
