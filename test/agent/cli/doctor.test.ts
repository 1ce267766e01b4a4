/** The real device that this test runs on, and a real broker. */
import { chmodSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { diagnose, diagnosisText, exitCodeOf, verdictText } from "../../../agent/cli/doctor.ts";
import { reachBroker } from "../../../agent/doctor/reach-broker.ts";
import { openBench } from "../../support/agent-bench.ts";
import { freePorts } from "../../support/programs.ts";

t.setTimeout(120_000);

/** They are looked for once: that takes seconds. */
const noProviders = () => Promise.resolve({ kind: "unknown", why: "nobody looked" } as const);

t.test("a device is looked at before it joined, and after", async (t) => {
  const before = await diagnose(join(t.testdir(), "nowhere"));
  t.match(
    before.checks.find(({ name }) => name === "joined"),
    { verdict: "warn" },
  );
  t.equal(exitCodeOf(before), 0, "nothing must be done for the agent to run");
  t.match(verdictText(before), /^This device is fit for the agent; \d things? to look at\.$/);

  await using bench = await openBench(t);
  const { folder, director } = bench;
  const after = await diagnose(folder, noProviders);
  t.match(
    after.checks.find(({ name }) => name === "broker"),
    {
      verdict: "ok",
      found: `${director.brokerUrl}: name, connection, no TLS, MQTT`,
    },
  );
  chmodSync(join(folder, "device.key.pem"), 0o644);
  const open = await diagnose(folder, noProviders);
  t.equal(exitCodeOf(open), 1);
  t.match(verdictText(open), /must be done before the agent works here/);
  t.match(diagnosisText(open), /fail +permissions +.*device\.key\.pem can be read by others[^]*chmod 600/);
});

t.test("the way to the broker is told to where it ends", async (t) => {
  const [port] = await freePorts(1);
  const to = (url: string) => reachBroker({ url, clientId: "one", tls: undefined });
  t.match(await to(`mqtt://127.0.0.1:${String(port)}`), { kind: "failed", step: "tcp" });
  t.match(await to("mqtt://no-such-host.invalid:1883"), { kind: "failed", step: "dns" });
});
