import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import {
  ask,
  collectLost,
  hastyClock,
  numbers,
  openEngine,
  runnerPids,
  runnerUnless,
  serve,
  signalRunner,
} from "../../../support/engine-bench.ts";
import { floats, writePlusOne } from "../../../support/model-folders.ts";
import { until } from "../../../support/until.ts";

const one = [floats("x", [1], [1])];
const describe = { serving: { instances: 2 } };

t.test("a runner that does not come up beside one that answers is tried again, and nothing is lost", async (t) => {
  const broken = join(t.testdir(), "broken");
  await using engine = openEngine({ command: runnerUnless(broken), clock: hastyClock, processors: 4 });
  const lost = collectLost(engine);
  const bundle = await writePlusOne(join(t.testdirName, "bundle"), { describe });
  await serve(engine, bundle);
  const crashes = () => engine.observed(bundle.model.name)?.crashes ?? 0;
  writeFileSync(broken, "");
  signalRunner(1, "SIGKILL");
  await until("more restarts have failed than a version has", () => crashes() > 7);
  t.same(lost, []);
  t.same(numbers(await ask(engine, bundle, one)), [2]);
  rmSync(broken);
  await until("it is back", () => engine.gauges()[0]?.instances.ready === 2);
});

t.test("a version is lost with its last runner, once, and nothing of it is tried again", async (t) => {
  const broken = join(t.testdir(), "broken");
  await using engine = openEngine({ command: runnerUnless(broken), clock: hastyClock, processors: 4 });
  const lost = collectLost(engine);
  const bundle = await writePlusOne(join(t.testdirName, "bundle"), { describe });
  await serve(engine, bundle);
  writeFileSync(broken, "");
  for (const pid of runnerPids()) process.kill(pid, "SIGKILL");
  await until("it is lost", () => lost.length > 0);
  t.match(lost, [{ refusal: { code: "runner-crash", message: /5 restarts in a row failed/ } }]);
  await until("nothing runs", () => runnerPids().length === 0);
  t.match(engine.gauges(), [{ instances: { ready: 0, wanted: 2 } }]);
  t.equal(lost.length, 1);
  rmSync(broken);
  await serve(engine, bundle);
  t.same(numbers(await ask(engine, bundle, one)), [2], "activated again it answers");
});
