/** A real agent, under its launcher, that is given other versions of itself. */
import t from "tap";
import { deployed, bundle, openBench } from "../../support/agent-bench.ts";
import { agentBundle, installedAgent } from "../../support/agent-versions.ts";
import { until } from "../../support/until.ts";

t.setTimeout(240_000);

t.test("an agent gives way to another version of itself, and takes back what does not get well", async (t) => {
  await using bench = await openBench(t);
  const { director, slot, slotOf, version } = bench;
  const program = await installedAgent(t.testdirName, "0.1.0");
  bench.launch(program);
  const digits = deployed(director, await bundle(t, "1.0.0"));
  await director.deploy([digits]);
  await slot("the model answers", ({ phase }) => phase === "committed");
  t.same(director.info()?.selfUpdate, { supported: true });

  const good = deployed(director, await agentBundle(t.testdirName, "0.2.0"));
  await director.deploy([digits, good]);
  const report = await slotOf("ferry-agent", "0.2.0 is committed", ({ phase, active }) => {
    return phase === "committed" && active?.version === "0.2.0";
  });
  t.equal(report.active?.statement, good.statement);
  t.match(report.active?.evidence, { goldenCases: 1, goldenPassed: 1 });
  await until("the inventory names it", () => director.info()?.agentVersion === "0.2.0");
  t.equal(await version(), "1.0.0");

  for (const [label, behaviour, why] of [
    ["0.3.0", "crashes", /started 3 times, and ended before it was good: exit status 3/],
    ["0.4.0", "loses-models", /digits answered under the version before/],
  ] as const) {
    const bad = deployed(director, await agentBundle(t.testdirName, label, behaviour));
    await director.deploy([digits, bad]);
    const failed = await slotOf("ferry-agent", `${label} is taken back`, ({ phase, desired }) => {
      return phase === "failed" && desired === bad.statement;
    });
    t.equal(failed.refusal?.code, "agent-unhealthy", label);
    t.match(failed.refusal?.message, why, label);
    t.equal(failed.active?.version, "0.2.0", label);
    t.equal(await until("the model answers", () => version().catch(() => undefined)), "1.0.0", label);
  }
});
