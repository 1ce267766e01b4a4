/** The agent as a process, against a broker and a director that do what the test says. */
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { bundle, deployed, device, digit, digits, fleet, openBench } from "../support/agent-bench.ts";
import { askOverJson, topLabel } from "../support/digits.ts";
import { runProgram } from "../support/programs.ts";
import { startSteadyLoad } from "../support/steady-load.ts";
import { until } from "../support/until.ts";

t.test(
  "a signed model comes, is proven, answers, is replaced under load, and comes back without a download",
  async (t) => {
    await using bench = await openBench(t);
    const { director, folder, url, start, slot, version } = bench;
    const program = start();
    const [first, second] = [await bundle(t, "1.0.0"), await bundle(t, "1.1.0")];
    await director.deploy([deployed(director, first)]);
    const committed = await slot("1.0.0 is committed", ({ phase }) => phase === "committed");
    t.match(committed, {
      desired: first.slot.statement,
      active: { version: "1.0.0", statement: first.slot.statement, evidence: { provider: "cpu" } },
    });
    t.equal(committed.active?.evidence.goldenPassed, committed.active?.evidence.goldenCases);
    t.equal(topLabel(await askOverJson(url, digit)), digit.label);

    const load = startSteadyLoad(url, digits, 50);
    await director.deploy([deployed(director, second)]);
    await slot("1.1.0 is committed", ({ phase, active }) => phase === "committed" && active?.version === "1.1.0");
    const { failures, answers } = await load.stop();
    t.strictSame(failures, [], "no request failed");
    t.strictSame(
      answers.filter(({ answer }) => !["1.0.0", "1.1.0"].includes(answer.version)),
      [],
      "each answer is of one of the two",
    );
    t.equal(await version(), "1.1.0");

    await director.deploy([
      { ...first.slot, archive: { ...director.serve(first.archive), sha256: "0".repeat(64) as never } },
    ]);
    const back = await slot(
      "1.0.0 is back",
      ({ phase, active }) => phase === "committed" && active?.version === "1.0.0",
    );
    t.match(
      back,
      { phase: "committed", lastKnownGood: { version: "1.1.0" } },
      "an archive that nobody has was not needed",
    );
    t.equal(await version(), "1.0.0");
    t.strictSame(readdirSync(join(folder, "bundles")).sort(), [first.slot.statement, second.slot.statement].sort());

    const status = await runProgram("ferry-agent", ["status", "--dir", folder, "-o", "json"]);
    t.match(JSON.parse(status.stdout), { fleet, device, fresh: true, slots: [{ slot: "digits", phase: "committed" }] });
    await director.deploy([]);
    await until("the slot is gone", () => director.report()?.slots.length === 0);
    t.ok((await program.stop()) < 5_000, "it stops in time");
  },
);

t.test("an unfresh device serves what it has and installs nothing, until its nonce is answered", async (t) => {
  await using bench = await openBench(t);
  const { director, start, slot, version } = bench;
  const first = start();
  await director.deploy([deployed(director, await bundle(t, "1.0.0"))]);
  await slot("1.0.0 is committed", ({ phase }) => phase === "committed");
  await first.stop();

  director.silent = true;
  start();
  await until("it answers without a director", () => version().catch(() => undefined), { timeoutMs: 15_000 });
  await director.deploy([deployed(director, await bundle(t, "1.1.0"))]);
  await until("it says that it is unfresh", () => director.report()?.refusal?.code === "deployment-unfresh");
  t.equal(director.report()?.fresh, false);
  t.equal(await version(), "1.0.0");

  director.silent = false;
  await slot(
    "as soon as it is fresh, it acts",
    ({ phase, active }) => phase === "committed" && active?.version === "1.1.0",
  );
  t.equal(director.report()?.fresh, true);
});

t.test(
  "a damaged state database: the model goes on answering, it is said, and a fresh deployment heals it",
  async (t) => {
    await using bench = await openBench(t);
    const { director, folder, start, slot, version } = bench;
    const first = start();
    await director.deploy([deployed(director, await bundle(t, "1.0.0"))]);
    await slot("1.0.0 is committed", ({ phase }) => phase === "committed");
    const counter = director.report()?.counter ?? 0;
    await first.stop();
    writeFileSync(join(folder, "state.db"), "this was a database");

    director.silent = true;
    start();
    await until("it answers", () => version().catch(() => undefined));
    await until("it says what happened", () =>
      (director.report()?.refusal?.message ?? "").includes("state database was damaged"),
    );
    t.ok((director.report()?.counter ?? 0) > counter, "its reports are still believed");
    t.ok(
      readdirSync(folder).some((name) => name.startsWith("state.db.damaged-")),
      "the damaged file is kept",
    );
    director.silent = false;
    await until(
      "it is well again",
      () => director.report()?.fresh === true && director.report()?.refusal === undefined,
    );
    t.equal(await version(), "1.0.0");
  },
);

t.test("told to stop, it answers what is in flight and says goodbye", async (t) => {
  await using bench = await openBench(t);
  const { director, url, start, slot } = bench;
  const program = start();
  await director.deploy([deployed(director, await bundle(t, "1.0.0"))]);
  await slot("1.0.0 is committed", ({ phase }) => phase === "committed");
  t.equal(director.state()?.state, "online");
  const asked = Promise.allSettled(Array.from({ length: 20 }, () => askOverJson(url, digit)));
  const stopMs = await program.stop();
  t.ok(stopMs < 5_000, `${String(Math.round(stopMs))} ms`);
  const answered = (await asked).filter(({ status }) => status === "fulfilled").length;
  t.ok(answered > 0, `${String(answered)} of 20 were in flight, and answered`);
  await until("the goodbye is heard", () => director.state()?.state === "offline");
});
