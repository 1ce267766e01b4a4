/** An agent, as a process, whose new version does badly once it has real requests. */
import { appendFileSync, chmodSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { agentFolder } from "../../agent/config.ts";
import { bundle, deployed, digits, openBench } from "../support/agent-bench.ts";
import { startSteadyLoad } from "../support/steady-load.ts";
import { runnersOf } from "../support/processes.ts";
import { until } from "../support/until.ts";

t.setTimeout(100_000);

/** Longer than the test takes. */
const SOAK_MS = 600_000;
const CRASHES = 3;

t.test("a version whose runner dies three times while it soaks is turned back from, and stays refused", async (t) => {
  await using bench = await openBench(t);
  const { director, start, slot, version, url } = bench;
  const program = start();
  const one = deployed(director, await bundle(t, "1.0.0"));
  await director.deploy([one]);
  await slot("1.0.0 is committed", ({ phase }) => phase === "committed");
  const load = startSteadyLoad(url, digits, 20);
  const two = { ...deployed(director, await bundle(t, "1.1.0")), soakMs: SOAK_MS };
  await director.deploy([two]);
  const soaking = await slot("1.1.0 soaks", ({ phase, active }) => phase === "soaking" && active?.version === "1.1.0");
  t.match(soaking, { lastKnownGood: { version: "1.0.0" }, active: { evidence: { memoryMode: "load-first" } } });
  await until("the candidate answers", async () => (await version()) === "1.1.0");
  const killed = new Set<number>();
  while (killed.size < CRASHES) {
    const candidate = await until("the candidate has a runner", () => {
      const [youngest, ...others] = runnersOf(program.pid).reverse();
      // The standby is the older one of two.
      return youngest !== undefined && others.length === 1 && !killed.has(youngest) && youngest;
    });
    process.kill(candidate, "SIGKILL");
    killed.add(candidate);
  }
  const back = await slot("it is rolled back", ({ phase, active }) => {
    return phase === "rolled-back" && active?.version === "1.0.0";
  });
  t.match(back, { refusal: { code: "soak-crashes" }, desired: two.statement });
  t.equal(await version(), "1.0.0");
  const { failures } = await load.stop();
  t.strictSame(failures, [], "every request was answered meanwhile");
  await director.deploy([one]);
  await slot("1.0.0 is wished again", ({ phase }) => phase === "committed");
  await director.deploy([two]);
  const refused = await slot("1.1.0 is refused at once", ({ phase }) => phase === "failed");
  t.match(refused, { refusal: { code: "soak-crashes" }, active: { version: "1.0.0" } });
  t.equal(director.report()?.poisoned, 1);
});

t.test(
  "a committed version whose files were changed gives way to the last good one when its runner dies",
  async (t) => {
    await using bench = await openBench(t);
    const { director, start, slot, version, folder } = bench;
    const program = start();
    await director.deploy([deployed(director, await bundle(t, "1.0.0"))]);
    await slot("1.0.0 is committed", ({ phase }) => phase === "committed");
    const two = deployed(director, await bundle(t, "1.1.0"));
    await director.deploy([two]);
    await slot("1.1.0 is committed", ({ phase, active }) => phase === "committed" && active?.version === "1.1.0");
    const [runner] = await until("1.0.0 is let go of", () => {
      const runners = runnersOf(program.pid);
      return runners.length === 1 && runners;
    });
    const model = join(agentFolder(folder).bundles, two.statement, "model.onnx");
    chmodSync(model, 0o600);
    appendFileSync(model, "a bit too much");
    if (runner !== undefined) process.kill(runner, "SIGKILL");
    const back = await slot(
      "1.0.0 answers",
      ({ phase, active }) => phase === "rolled-back" && active?.version === "1.0.0",
    );
    t.match(back, { refusal: { code: "bundle-file-digest" }, desired: two.statement });
    t.equal(await version(), "1.0.0");
  },
);
