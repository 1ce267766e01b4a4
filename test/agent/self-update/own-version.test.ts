/** A real agent, under its launcher, that is given other versions of itself. */
import t from "tap";
import { deployed, bundle, openBench } from "../../support/agent-bench.ts";
import { agentBundle, installedAgent } from "../../support/agent-versions.ts";
import { until } from "../../support/until.ts";

t.setTimeout(240_000);

/** Longer than it takes to look at the version that soaks: every 250 ms. */
const SOAK_MS = 600;

t.test("an agent gives way to another version of itself, and takes back what does not get well", async (t) => {
  await using bench = await openBench(t);
  const { director, slot, slotOf, version } = bench;
  const program = await installedAgent(t.testdirName, "0.1.0");
  bench.launch(program);
  const digits = deployed(director, await bundle(t, "1.0.0"));
  await director.deploy([digits]);
  const versions = Promise.all([
    agentBundle(t.testdirName, "0.2.0"),
    agentBundle(t.testdirName, "0.4.0", "loses-models"),
  ]);
  await slot("the model answers", ({ phase }) => phase === "committed");
  t.same(director.info()?.selfUpdate, { supported: true });
  const [good, unwell] = (await versions).map((one) => deployed(director, one));
  if (good === undefined || unwell === undefined) throw new Error("there are two versions");

  // Watched for a while, as a controller's deployments ask for.
  await director.deploy([digits, { ...good, soakMs: SOAK_MS }]);
  const report = await slotOf("ferry-agent", "0.2.0 is committed", ({ phase, active }) => {
    return phase === "committed" && active?.version === "0.2.0";
  });
  t.equal(report.active?.statement, good.statement);
  t.match(report.active?.evidence, { goldenCases: 1, goldenPassed: 1 });
  await until("the inventory names it", () => director.info()?.agentVersion === "0.2.0");
  t.equal(await version(), "1.0.0");

  await director.deploy([digits, { ...unwell, soakMs: SOAK_MS }]);
  const failed = await slotOf("ferry-agent", "0.4.0 is refused", ({ phase, desired }) => {
    return phase === "failed" && desired === unwell.statement;
  });
  const why = /digits answered under the version before/;
  t.match(failed.refusal, { code: "agent-unhealthy", message: why });
  t.equal(failed.active?.version, "0.2.0");
  t.equal(await until("the model answers", () => version().catch(() => undefined)), "1.0.0");
});
