import { chmodSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { openBundleDirectory } from "../../../../agent/store/bundle-directory.ts";
import { openLog } from "../../../../common/log.ts";
import { signedDigits } from "../../../support/bundles.ts";
import {
  ask,
  collectLost,
  failureOf,
  hastyClock,
  killReadyRunner,
  openEngine,
  qualified,
  runnerPids,
  runnerUnless,
  serve,
  signalRunner,
  startLoad,
  turnOver,
} from "../../../support/engine-bench.ts";
import { newSigner } from "../../../support/keys.ts";
import { digitsFolder, floats, writePlusOne } from "../../../support/model-folders.ts";
import { until } from "../../../support/until.ts";

const one = [floats("x", [1], [1])];
const pixels = [floats("pixels", [1, 64], new Array<number>(64).fill(0))];

/** A bundle as the agent holds it: signed, unpacked, read-only, confirmed at each load. */
async function heldDigits(t: Test) {
  const bundles = await openBundleDirectory(join(t.testdir(), "bundles"), openLog("test", "silent"));
  const staging = await bundles.makeStaging();
  const { statement } = await signedDigits(staging, newSigner());
  await bundles.adopt(staging, statement);
  return { bundle: await bundles.open(statement), confirm: bundles.confirm };
}

t.test("a version whose files changed on the disk is lost at its restart, once, with the reason", async (t) => {
  const { bundle, confirm } = await heldDigits(t);
  await using engine = openEngine({ confirm });
  const lost = collectLost(engine);
  await serve(engine, bundle);
  const file = join(bundle.directory, "labels.txt");
  chmodSync(file, 0o600);
  writeFileSync(file, "one\n");
  await ask(engine, bundle, pixels);
  await killReadyRunner(engine);
  await until("it is lost", () => lost.length > 0);
  t.match(lost, [
    { slot: "digits", statement: bundle.statement, refusal: { code: "bundle-file-digest", message: /was changed/ } },
  ]);
  t.match(engine.slots(), [{ ready: false }]);
  t.same(runnerPids(), [], "it is not tried again");
  t.equal(engine.observed(bundle.model.name)?.crashes, 1);
});

t.test("requests wait while nothing answers, and the version that is activated next answers them", async (t) => {
  const { bundle, confirm } = await heldDigits(t);
  await using engine = openEngine({
    confirm: async (one) => {
      if (one.statement === bundle.statement) await confirm(one);
    },
  });
  const lost = collectLost(engine);
  await serve(engine, bundle);
  const load = startLoad(engine, bundle, pixels);
  await until("the load runs", () => load.versions.length > 50);
  chmodSync(join(bundle.directory, "model.onnx"), 0o600);
  await killReadyRunner(engine);
  await until("it is lost", () => lost.length > 0);
  await turnOver(engine, digitsFolder("1.1.0"));
  const answered = load.versions.length;
  await until("the next version answers", () => load.versions.length > answered + 50);
  const { versions, failures } = await load.stop();
  t.same(failures, []);
  t.equal(versions.at(-1), "1.1.0");
  t.equal(await engine.turnBack(bundle.model.name), undefined, "a lost version is no standby");
});

t.test("a version that does not come up again and again is lost, and can be turned back from", async (t) => {
  const directory = t.testdir();
  const broken = join(directory, "broken");
  await using engine = openEngine({ command: runnerUnless(broken), clock: hastyClock });
  const lost = collectLost(engine);
  const former = await writePlusOne(`${directory}/1`);
  const next = await writePlusOne(`${directory}/2`, { version: "2.0.0" });
  await serve(engine, former);
  await turnOver(engine, next);
  writeFileSync(broken, "");
  signalRunner(1, "SIGKILL");
  await until("it is lost", () => lost.length > 0);
  t.match(lost, [
    {
      slot: next.model.name,
      statement: next.statement,
      refusal: { code: "runner-crash", message: /5 restarts in a row failed: .*exited with code 3/ },
    },
  ]);
  t.match(engine.observed(next.model.name), { statement: next.statement, crashes: 6, recentCrashes: 6 });
  const waiting = ask(engine, next, one);
  t.match(await engine.turnBack(next.model.name), { statement: former.statement });
  t.equal((await waiting).version, "1.0.0", "what waited is answered");
});

t.test("a standby that is lost is told when it is turned back to, and nothing answers then", async (t) => {
  const directory = t.testdir();
  const broken = join(directory, "broken");
  const crashes: string[] = [];
  const observer = {
    answered: () => undefined,
    failed: () => undefined,
    crashed: (_slot: string, _version: string, why: string) => crashes.push(why),
  };
  await using engine = openEngine({ command: runnerUnless(broken), clock: hastyClock, observers: [observer] });
  const lost = collectLost(engine);
  const former = await writePlusOne(`${directory}/1`);
  const next = await writePlusOne(`${directory}/2`, { version: "2.0.0" });
  await serve(engine, former);
  await turnOver(engine, next);
  writeFileSync(broken, "");
  signalRunner(0, "SIGKILL");
  // One process that was killed, and five that did not come up.
  await until("the standby is given up", () => crashes.length === 6);
  t.equal((await ask(engine, next, one)).version, "2.0.0");
  await t.rejects(engine.turnBack(next.model.name), { name: "Refused", code: "runner-crash" });
  t.same(engine.slots(), []);
  t.match(await failureOf(ask(engine, former, one)), { failure: "unknown-model" });
  t.same(lost, [], "whoever turned back knows");
  rmSync(broken);
  await serve(engine, former);
  t.equal((await ask(engine, former, one)).version, "1.0.0");
});

t.test("a version whose runners all die before an answer is lost", async (t) => {
  await using engine = openEngine({ clock: hastyClock });
  const lost = collectLost(engine);
  const bundle = await writePlusOne(t.testdir());
  await serve(engine, bundle);
  for (let kill = 0; kill < 10; kill += 1) await killReadyRunner(engine);
  await until("it is lost", () => lost.length > 0);
  t.match(lost[0]?.refusal, {
    code: "runner-crash",
    message: /10 runners in a row ended before they answered a request/,
  });
});

t.test("a version that is unloaded or replaced is not lost", async (t) => {
  const directory = t.testdir();
  const broken = join(directory, "broken");
  await using engine = openEngine({ command: runnerUnless(broken), clock: hastyClock });
  const lost = collectLost(engine);
  const former = await writePlusOne(`${directory}/1`);
  const candidate = await qualified(engine, await writePlusOne(`${directory}/2`, { version: "2.0.0" }));
  await serve(engine, former);
  await engine.activate(former.model.name, candidate);
  await engine.release(former.model.name);
  await engine.clear(former.model.name);
  t.same(lost, []);
});
