/** Staged rollouts on a fleet of real processes: a controller, three agents with their runners, and traffic on them. */
import t, { type Test } from "tap";
import { join } from "node:path";
import { systemClock } from "../../common/clock.ts";
import type { Client } from "../../controller/http/client.ts";
import { createClient } from "../../controller/http/client.ts";
import type { RolloutRequest } from "../../controller/rollout/rollout-spec.ts";
import { readLocalToken } from "../../controller/operators/local-operator.ts";
import { controllerPaths } from "../../controller/config.ts";
import type { ModelName, ModelVersion } from "../../protocol/ids.ts";
import { copyDigits } from "../support/bundles.ts";
import { askOverJson, readDigits } from "../support/digits.ts";
import { openFleet, type Fleet } from "../support/fleet.ts";
import { until } from "../support/until.ts";

const DEVICES = ["cam-1", "cam-2", "cam-3"].map((id) => ({ id, labels: ["site=oslo"] }));

const digits = (version: string) => ({ model: "digits" as ModelName, version: version as ModelVersion });
const STAGES: RolloutRequest["stages"] = [
  { name: "canary", take: { kind: "count", count: 1 }, soakMs: 0, approval: "none" },
  { name: "all", take: { kind: "share", share: 1, min: 1 }, soakMs: 0, approval: "none" },
];

async function push(fleet: Fleet, directory: string, version: "1.0.0" | "1.1.0"): Promise<void> {
  const bundle = copyDigits(join(directory, `digits-${version}`), version);
  for (const verb of ["sign", "push"]) {
    const { code, stderr } = await fleet.ferry("bundle", verb, bundle);
    if (code !== 0) throw new Error(`ferry bundle ${verb}: ${stderr}`);
  }
}

const detailOf = async (client: Client, id: number) => client.getRollout({ params: { id }, query: { devices: 100 } });

/** A gate on two devices needs a minute of their telemetry before it may say no. */
const GATE_MS_MAX = 120_000;

async function reaches(client: Client, id: number, state: string) {
  return until(
    `rollout ${String(id)} is ${state}`,
    async () => {
      const detail = await detailOf(client, id);
      return detail.rollout.state === state && detail;
    },
    { timeoutMs: GATE_MS_MAX },
  );
}

async function isOnline(client: Client, count: number): Promise<void> {
  await until(`${String(count)} devices are online`, async () => {
    const { devices } = await client.listDevices({ query: {} });
    return devices.filter(({ online }) => online).length === count;
  });
}

/** Of every bundle's archive, since the controller started. */
async function bytesSent(fleet: Fleet): Promise<number> {
  const response = await fetch(`${fleet.controllerUrl}/metrics`, {
    headers: { authorization: `Bearer ${tokenOf(fleet) ?? ""}` },
  });
  const text = await response.text();
  const lines = [...text.matchAll(/^modelferry_transfer_sent_bytes_total (\S+)$/gm)];
  return lines.reduce((sum, [, bytes]) => sum + Number(bytes), 0);
}

function tokenOf({ home }: Fleet): string | undefined {
  return readLocalToken(controllerPaths(home).operatorToken);
}

async function serves(fleet: Fleet, versions: readonly string[]): Promise<readonly string[]> {
  const [digit] = readDigits();
  if (digit === undefined) throw new Error("there are digits");
  return Promise.all(versions.map(async (_, at) => (await askOverJson(fleet.devices[at]?.url ?? "", digit)).version));
}

/** Asks every device that answers, until it is disposed of: gates are about real traffic. */
function openTraffic(fleet: Fleet): AsyncDisposable {
  const [digit] = readDigits();
  const stop = new AbortController();
  const run = async () => {
    while (digit !== undefined && !stop.signal.aborted) {
      await Promise.allSettled(fleet.devices.map(({ url }) => askOverJson(url, digit)));
      // As much as tells something, and no more: other tests run beside this one.
      await systemClock.sleep(20, stop.signal);
    }
  };
  const running = run();
  return {
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await running;
    },
  };
}

t.test("staged rollouts on a real fleet", { timeout: 240_000 }, async (t: Test) => {
  const directory = t.testdir();
  await using fleet = await openFleet({ directory, devices: DEVICES });
  await fleet.startController();
  await Promise.all(fleet.devices.map((device) => device.start()));
  const client = createClient(fleet.controllerUrl, { token: tokenOf(fleet) });
  await isOnline(client, 3);
  await push(fleet, directory, "1.0.0");
  await push(fleet, directory, "1.1.0");
  const first = await client.createRollout({ body: { ...digits("1.0.0"), selector: "", deviceSoakMs: 0 } });
  await reaches(client, first.rollout.id, "completed");

  await t.test(
    "a canary that fails its gate is taken back by itself, and says why; no bundle is sent for it",
    async (t) => {
      await using asking = openTraffic(fleet);
      const gates = [{ metric: "latency_p99_ms", max: 0.000_001, minSamples: 20 }];
      const [canary, all] = STAGES;
      if (canary === undefined || all === undefined) throw new Error("there are two stages");
      const stages = [{ ...canary, take: { kind: "count" as const, count: 2 }, soakMs: 300_000 }, all];
      const { rollout } = await client.createRollout({
        body: { ...digits("1.1.0"), selector: "", stages, gates, deviceSoakMs: 0 },
      });
      const soaking = await until("the canaries are done", async () => {
        const detail = await detailOf(client, rollout.id);
        return detail.rollout.counts.done === 2 && detail;
      });
      t.equal(soaking.rollout.counts.waiting, 1, "the other one waits");
      const before = await bytesSent(fleet);
      const over = await reaches(client, rollout.id, "rolled-back");
      await asking[Symbol.asyncDispose]();
      t.match(over.rollout.why, /^stage canary: gate latency_p99_ms failed: /);
      t.match(over.rollout.counts, { reverted: 2, waiting: 1 });
      t.ok(before > 0);
      t.equal(await bytesSent(fleet), before, "the way back costs no bundle bytes");
      t.same(await serves(fleet, ["", "", ""]), ["1.0.0", "1.0.0", "1.0.0"]);
      const status = await fleet.ferry("rollout", "status", String(rollout.id), "-w");
      t.equal(status.code, 1);
      t.match(status.stdout, /rolled-back[\s\S]*gate latency_p99_ms failed/);
    },
  );

  await t.test("a canary that passes is followed by the rest, once somebody else has said yes", async (t) => {
    const [canary, all] = STAGES;
    if (canary === undefined || all === undefined) throw new Error("there are two stages");
    const stages = [canary, { ...all, approval: "required" as const }];
    const { rollout } = await client.createRollout({
      body: { ...digits("1.1.0"), selector: "", stages, gates: [], deviceSoakMs: 0 },
    });
    const params = { id: rollout.id };
    await until(
      "the second stage waits",
      async () => (await detailOf(client, rollout.id)).rollout.phase === "approval",
    );
    await t.rejects(client.approveRollout({ params }), { code: "not-allowed", message: /somebody else must/ });
    const { token } = await client.addOperator({ body: { name: "bob", role: "approver" } });
    const bob = createClient(fleet.controllerUrl, { token });
    await t.rejects(bob.pauseRollout({ params }), { code: "not-allowed" }, "an approver does not operate");
    t.equal((await client.pauseRollout({ params })).rollout.state, "paused");
    t.match((await bob.approveRollout({ params })).text, /approved by bob/);
    t.equal((await detailOf(client, rollout.id)).rollout.state, "paused", "a yes does not resume it");
    await client.resumeRollout({ params, body: { waiveGates: false } });
    await reaches(client, rollout.id, "completed");
    const { stdout } = await fleet.ferry("rollout", "history", String(rollout.id));
    t.match(
      stdout,
      /stage 2 waits for an approval[\s\S]*paused by[\s\S]*approved by bob[\s\S]*resumed by[\s\S]*completed/,
    );
  });

  await t.test(
    "a device that is off when it is rolled back goes back at its next birth, without a download",
    async (t) => {
      const { rollouts } = await client.listRollouts({ query: { limit: 1 } });
      const id = rollouts[0]?.id ?? 0;
      const [, , away] = fleet.devices;
      await away?.program().stop();
      await isOnline(client, 2);
      const before = await bytesSent(fleet);
      const { text } = await client.rollBackRollout({ params: { id } });
      t.match(text, /^rolled back by .*: 3 devices to take back$/);
      const over = await reaches(client, id, "rolled-back");
      t.match(over.rollout.counts, { reverted: 2, reverting: 1 });
      t.match(
        over.devices.find(({ state }) => state === "reverting")?.why,
        /^offline since .*; goes back when it returns$/,
      );
      await away?.start();
      await until("the third is back, too", async () => (await detailOf(client, id)).rollout.counts.reverted === 3);
      t.same(await serves(fleet, ["", "", ""]), ["1.0.0", "1.0.0", "1.0.0"]);
      t.equal(await bytesSent(fleet), before, "the way back costs no bundle bytes");
    },
  );

  await t.test("abort leaves every device as it is", async (t) => {
    const { rollout } = await client.createRollout({
      body: {
        ...digits("1.1.0"),
        selector: "",
        stages: STAGES.map((stage) => ({ ...stage, soakMs: 600_000 })),
        gates: [],
      },
    });
    const params = { id: rollout.id };
    await until("the canary is done", async () => (await detailOf(client, rollout.id)).rollout.counts.done === 1);
    t.equal((await client.abortRollout({ params })).rollout.state, "aborted");
    t.same([...(await serves(fleet, ["", "", ""]))].sort(), ["1.0.0", "1.0.0", "1.1.0"]);
  });
});
