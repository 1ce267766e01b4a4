/** The next root as an agent meets it: withheld, wrong, right. */
import t from "tap";
import { fleetTopics } from "../../protocol/topics.ts";
import { signRoot } from "../../protocol/trust/root.ts";
import { device, fleet, openBench, owners } from "../support/agent-bench.ts";
import { newOwners, newSigner, rootOf } from "../support/keys.ts";
import { until } from "../support/until.ts";

t.test(
  "a root that is withheld, and one that does not follow, are said and change nothing",
  { timeout: 120_000 },
  async (t) => {
    await using bench = await openBench(t);
    const { director, start } = bench;
    start();
    await director.deploy([]);
    await until("the first deployment is taken", () => director.report()?.seq === 2);
    const refused = (code: string) => until(code, () => director.report()?.refusal?.code === code);
    await director.deploy([], { rootVersion: 2 });
    await refused("deployment-root-unknown");
    t.match(director.report(), { rootVersion: 1, seq: 2 });

    const topic = fleetTopics(fleet).root(2);
    const publish = (bytes: Uint8Array) => director.link.publish(topic, bytes, { qos: 1, retain: true });
    await publish(await signRoot(rootOf(newOwners(), { version: 2 }), [newSigner()]));
    await refused("root-refused");
    t.match(director.report(), { device, rootVersion: 1, seq: 2 });

    await publish(await signRoot(rootOf(owners, { version: 2 }), [owners.owner]));
    await until("the right root lets the deployment in", () => director.report()?.rootVersion === 2);
    await director.deploy([], { rootVersion: 2 });
    const report = await until("and it is taken", () => (director.report()?.seq ?? 0) > 2 && director.report());
    t.equal(report.refusal, undefined);
  },
);
