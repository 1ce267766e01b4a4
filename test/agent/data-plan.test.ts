import t from "tap";
import { checkAgentConfig } from "../../agent/config.ts";
import { dataPlanOf } from "../../agent/data-plan.ts";

const configOf = (data: unknown) =>
  checkAgentConfig({
    formatVersion: 1,
    broker: "mqtt://127.0.0.1",
    fleet: "f",
    device: "d",
    rootPin: "0".repeat(64),
    labels: {},
    http: { host: "127.0.0.1", port: 0 },
    heartbeatMs: 30_000,
    keepAliveSeconds: 60,
    ...(data === undefined ? {} : { data }),
  });

t.test("without a word about data everything is as configured", async (t) => {
  const plan = dataPlanOf(configOf(undefined));
  t.match(plan, { isMetered: false, budgetBytes: undefined, keepAliveSeconds: 60 });
  t.equal(plan.heartbeatMs("raw"), 30_000);
});

t.test("a metered link is spared by keep-alive and heartbeat too", async (t) => {
  const plan = dataPlanOf(configOf({ metered: true }));
  t.match(plan, { isMetered: true, keepAliveSeconds: 1_200 });
  t.equal(plan.heartbeatMs("roll-up"), 7_200_000);
});

t.test("a budget that runs short slows the heartbeat as well", async (t) => {
  const plan = dataPlanOf(configOf({ monthBytes: 50_000_000 }));
  t.match(plan, { budgetBytes: 50_000_000, keepAliveSeconds: 60 });
  t.same([plan.heartbeatMs("raw"), plan.heartbeatMs("sketch")], [30_000, 7_200_000]);
});

t.test("who chose a slower heartbeat than a spared link's keeps it", async (t) => {
  const plan = dataPlanOf(checkAgentConfig({ ...configOf({ metered: true }), heartbeatMs: 86_400_000 }));
  t.equal(plan.heartbeatMs("roll-up"), 86_400_000);
});

t.test("a misspelt field and a budget too small are refused", async (t) => {
  t.throws(() => configOf({ meterd: true }));
  t.throws(() => configOf({ monthBytes: 1_000 }));
});
