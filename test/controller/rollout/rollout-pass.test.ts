/** Staged rollouts on a real database: from the first look to the last, with what the rows say in between. */
import t from "tap";
import { deploymentOf } from "../../../controller/fleet/deployments.ts";
import type { GateResult } from "../../../controller/rollout/gate-result.ts";
import { membersOf, rolloutById } from "../../../controller/rollout/rollouts.ts";
import type { DeviceId } from "../../../protocol/ids.ts";
import { serving } from "../../support/device-views.ts";
import { openRolloutWorld, V1, V2, type RolloutWorld } from "../../support/rollout-world.ts";
import { stage } from "../../support/rollout-situations.ts";

const CAMS = ["cam-1", "cam-2", "cam-3", "cam-4"];
const STAGES = [stage("canary", 0.25, { soakMs: 60_000 }), stage("all", 1)];

/** Every device serves what its deployment asks for, and says so. */
async function serveAll(world: RolloutWorld, devices: readonly string[] = CAMS): Promise<void> {
  for (const device of devices) {
    const asked = await deploymentOf(world.store, device as DeviceId);
    const slots = (asked?.slots ?? []).map(({ statement, version }) => serving(statement.slice(0, 1), version));
    await world.report(device, { seq: asked?.seq ?? 0, slots });
  }
}

async function versionsAsked(world: RolloutWorld): Promise<string[]> {
  const asked = await Promise.all(CAMS.map((device) => deploymentOf(world.store, device as DeviceId)));
  return asked.map((deployment) => deployment?.slots.map(({ version }) => version).join() ?? "");
}

const count = (texts: readonly string[], word: string) => texts.filter((text) => text.endsWith(word)).length;

t.test("a canary is taken, soaks, and the rest follows", async (t) => {
  await using world = await openRolloutWorld(t);
  await world.join(...CAMS);
  const id = await world.begin(V1, CAMS, { stages: STAGES });
  const begun = await world.standing(id);
  t.same(begun.rollout, "running 0 deploying");
  t.same([count(begun.devices, "deploying"), count(begun.devices, "waiting")], [1, 3]);
  t.equal(world.published.length, 1);
  await serveAll(world);
  t.equal((await world.standing(id)).rollout, "running 0 soaking");
  await world.after(59_999);
  t.equal((await world.standing(id)).rollout, "running 0 soaking");
  await world.after(1);
  const second = await world.standing(id);
  t.equal(second.rollout, "running 1 deploying");
  t.same([count(second.devices, "deploying"), count(second.devices, "done")], [3, 1]);
  await serveAll(world);
  t.match(await world.standing(id), { rollout: /^completed/, devices: CAMS.map((device) => `${device} done`) });
});

t.test("another rollout takes other canaries", async (t) => {
  await using world = await openRolloutWorld(t);
  const devices = Array.from({ length: 40 }, (_, at) => `cam-${at}`);
  await world.join(...devices);
  const canaries = async (id: number) =>
    (await membersOf(world.store, id)).filter(({ stage }) => stage === 0).map(({ device }) => device);
  const first = await canaries(await world.begin(V1, devices, { stages: [stage("canary", 0.1), stage("all", 1)] }));
  const second = await canaries(await world.begin(V2, devices, { stages: [stage("canary", 0.1), stage("all", 1)] }));
  t.equal(first.length, 4);
  t.notSame(first, second);
});

t.test("a gate that fails takes every device back, those that were offline when they return", async (t) => {
  const failing: GateResult = {
    metric: "error_rate",
    verdict: "fail",
    value: 0.2,
    limit: 0.01,
    samples: 300,
    text: "20 % of 300 requests",
  };
  let gate = false;
  await using world = await openRolloutWorld(t, {
    readGates: () => Promise.resolve(gate ? [failing] : [{ ...failing, verdict: "inconclusive" as const }]),
  });
  await world.join(...CAMS);
  await world.begin(V1, CAMS);
  await serveAll(world);
  const gates = [{ metric: "error_rate", max: 0.01 }];
  const id = await world.begin(V2, CAMS, { stages: [stage("half", 0.5, { soakMs: 60_000 }), stage("all", 1)], gates });
  await serveAll(world);
  t.equal((await world.standing(id)).rollout, "running 0 soaking");
  const changed = (await membersOf(world.store, id)).filter(({ stage }) => stage === 0).map(({ device }) => device);
  const [away = "", here = ""] = changed;
  await world.presence(away, false);
  gate = true;
  await world.after(2_000);
  t.equal((await world.standing(id)).rollout, "rolling-back 0 soaking");
  t.match(await rolloutById(world.store, id), { why: /^stage half: gate error_rate failed: 20 % of 300 requests$/ });
  t.match(await deploymentOf(world.store, here as DeviceId), { slots: [{ version: "1.0.0" }] });
  t.match(await deploymentOf(world.store, away as DeviceId), { slots: [{ version: "2.0.0" }] }, "nothing yet");
  await serveAll(world, [here]);
  const over = await world.standing(id);
  t.match(over.rollout, /^rolled-back/);
  t.same(
    [...over.devices].sort(),
    CAMS.map((cam) => `${cam} ${cam === here ? "reverted" : cam === away ? "reverting" : "waiting"}`),
  );
  await world.after(86_400_000);
  await world.presence(away, true);
  t.match(await deploymentOf(world.store, away as DeviceId), { slots: [{ version: "1.0.0" }] }, "on its return");
  await serveAll(world, [away]);
  t.ok((await world.standing(id)).devices.includes(`${away} reverted`));
  t.same(
    await versionsAsked(world),
    CAMS.map(() => "1.0.0"),
  );
});

t.test("pause, resume, abort and rollback mean four things", async (t) => {
  await using world = await openRolloutWorld(t);
  await world.join(...CAMS);
  await world.begin(V1, CAMS);
  await serveAll(world);
  const id = await world.begin(V2, CAMS, { stages: STAGES });
  t.equal(await world.tell(id, { kind: "pause" }), "paused by ada");
  await serveAll(world);
  await world.after(120_000);
  t.match(await world.standing(id), { rollout: "paused 0 deploying" });
  await t.rejects(world.tell(id, { kind: "pause" }), { code: "rollout-state", message: /Rollout 2 is not running/ });
  t.equal(await world.tell(id, { kind: "resume", waiveGates: false }), "resumed by ada");
  t.match(await world.standing(id), { rollout: "running 0 soaking" });
  t.match(await world.tell(id, { kind: "abort" }), /^aborted by ada/);
  await world.after(120_000);
  const aborted = await world.standing(id);
  t.match(aborted.rollout, /^aborted/);
  t.same([count(aborted.devices, "done"), count(aborted.devices, "waiting")], [1, 3], "it leaves them as they are");
  await t.rejects(world.tell(id, { kind: "resume", waiveGates: false }), { code: "rollout-state" });
  t.equal(await world.tell(id, { kind: "rollback" }), "rolled back by ada: 1 device to take back");
  await serveAll(world);
  t.match(await world.standing(id), { rollout: /^rolled-back/ });
  t.same(
    await versionsAsked(world),
    CAMS.map(() => "1.0.0"),
  );
  await t.rejects(world.tell(id, { kind: "rollback" }), { code: "rollout-state", message: /nothing to take back/ });
});

t.test("what had nothing before has nothing again", async (t) => {
  await using world = await openRolloutWorld(t);
  await world.join("cam-1");
  const id = await world.begin(V1, ["cam-1"]);
  await serveAll(world, ["cam-1"]);
  await world.tell(id, { kind: "rollback" });
  t.match(await deploymentOf(world.store, "cam-1" as DeviceId), { slots: [] });
  await serveAll(world, ["cam-1"]);
  t.match(await world.standing(id), { rollout: /^rolled-back/, devices: ["cam-1 reverted"] });
});

t.test("a rollout that came before the former one was done goes back to what was proven", async (t) => {
  await using world = await openRolloutWorld(t);
  await world.join("cam-1");
  await world.begin(V1, ["cam-1"]);
  await serveAll(world, ["cam-1"]);
  await world.begin(V2, ["cam-1"]);
  const third = await world.begin(V2, ["cam-1"]);
  await serveAll(world, ["cam-1"]);
  await world.tell(third, { kind: "rollback" });
  t.match(await deploymentOf(world.store, "cam-1" as DeviceId), { slots: [{ version: "1.0.0" }] });
});

t.test(
  "a device that had nothing, and that a later rollout took before it was done, goes back to what the others have",
  async (t) => {
    await using world = await openRolloutWorld(t);
    await world.join("cam-1");
    await world.begin(V1, ["cam-1"]);
    const second = await world.begin(V2, ["cam-1"]);
    await serveAll(world, ["cam-1"]);
    await world.tell(second, { kind: "rollback" });
    t.match(await deploymentOf(world.store, "cam-1" as DeviceId), { slots: [{ version: "1.0.0" }] });
  },
);

t.test("a stage is approved by somebody else than the author, who is told who can", async (t) => {
  await using world = await openRolloutWorld(t);
  await world.join(...CAMS);
  const operator = { token_sha256: "x".repeat(64), created_ms: 0, token_ms: 0 };
  for (const [name, role] of [
    ["ada", "admin"],
    ["bob", "approver"],
    ["cy", "operator"],
  ] as const) {
    const token_sha256 = operator.token_sha256.replace("x", name.slice(0, 1)) as never;
    await world.store
      .insertInto("operators")
      .values({ ...operator, token_sha256, name, role })
      .execute();
  }
  const id = await world.begin(V1, CAMS, {
    stages: [stage("canary", 0.25), stage("all", 1, { approval: "required" })],
  });
  await serveAll(world);
  t.equal((await world.standing(id)).rollout, "running 1 approval");
  await t.rejects(world.tell(id, { kind: "approve" }, "ada"), {
    code: "not-allowed",
    message: /ada began rollout 1 and cannot approve its stage 2 \(all\): somebody else must/,
    hint: "Those who can: bob.",
  });
  t.equal(await world.tell(id, { kind: "approve" }, "bob"), "stage 2 (all) approved by bob");
  t.equal((await world.standing(id)).rollout, "running 1 deploying");
  await serveAll(world);
  t.match(await world.standing(id), { rollout: /^completed/ });
});

t.test("failed devices are tried again, and the device is told that it is another try", async (t) => {
  await using world = await openRolloutWorld(t);
  await world.join("cam-1");
  const id = await world.begin(V1, ["cam-1"]);
  const refusal = { code: "self-test", message: "case 3 is NaN" } as const;
  await world.report("cam-1", {
    seq: 2,
    slots: [{ slot: V1.model.name, phase: "failed", desired: V1.statement, refusal }],
  });
  t.match(await world.standing(id), { rollout: /^failed/, devices: ["cam-1 failed"] });
  t.equal(await world.tell(id, { kind: "retry" }), "failed devices are tried again, by ada");
  t.match(await deploymentOf(world.store, "cam-1" as DeviceId), { seq: 3, slots: [{ version: "1.0.0", retry: 3 }] });
  t.match(await world.standing(id), { rollout: /^running/, devices: ["cam-1 deploying"] });
  await serveAll(world, ["cam-1"]);
  t.match(await world.standing(id), { rollout: /^completed/ });
});

t.test("time is over: another try, and then failed with the numbers", async (t) => {
  await using world = await openRolloutWorld(t);
  await world.join("cam-1");
  const id = await world.begin(V1, ["cam-1"], { deploymentMsMax: 60_000, retries: 1 });
  await world.after(60_001);
  t.match(await deploymentOf(world.store, "cam-1" as DeviceId), { seq: 3, slots: [{ retry: 3 }] });
  await world.after(60_001);
  t.match(await membersOf(world.store, id), [{ state: "failed", why: /not done within 1 min, tried 2 times/ }]);
});

t.test("a rollout of higher priority keeps its devices; one that is over does not", async (t) => {
  await using world = await openRolloutWorld(t);
  await world.join(...CAMS);
  const high = await world.begin(V1, ["cam-1", "cam-2"], { priority: 10 });
  const low = await world.begin(V2, CAMS, { priority: 0 });
  t.match(await membersOf(world.store, low), [
    { state: "superseded", why: "rollout 1 keeps this device for digits@1.0.0: its priority 10 is above 0" },
    { state: "superseded" },
    { state: "deploying" },
    { state: "deploying" },
  ]);
  t.same((await world.standing(high)).devices, ["cam-1 deploying", "cam-2 deploying"]);
  await serveAll(world);
  t.match(await world.standing(high), { rollout: /^completed/ });
  const third = await world.begin(V2, CAMS, { priority: 0 });
  t.same(count((await world.standing(third)).devices, "deploying"), 4);
});

t.test("a rollout that follows its selector takes devices that join later", async (t) => {
  await using world = await openRolloutWorld(t);
  await world.join("cam-1");
  const id = await world.begin(V1, ["cam-1"], { selector: "site=oslo", follow: true });
  await serveAll(world, ["cam-1"]);
  t.match(await world.standing(id), { rollout: /^completed/ });
  await world.join("cam-2");
  t.match(await world.standing(id), { rollout: /^completed/, devices: ["cam-1 done", "cam-2 deploying"] });
  await serveAll(world, ["cam-2"]);
  t.match(await world.standing(id), { rollout: /^completed/, devices: ["cam-1 done", "cam-2 done"] });
});

t.test("a stage by selector takes who matches, and the rest comes with the next", async (t) => {
  await using world = await openRolloutWorld(t);
  await world.join(...CAMS);
  await world.store
    .insertInto("device_labels")
    .values({ device: "cam-3" as DeviceId, key: "tier", value: "test" })
    .execute();
  const take = { kind: "selector", selector: "tier=test" } as const;
  const id = await world.begin(V1, CAMS, { stages: [stage("test devices", 1, { take }), stage("all", 1)] });
  t.same(count((await world.standing(id)).devices, "deploying"), 1);
  await serveAll(world);
  await serveAll(world);
  t.match(await world.standing(id), { rollout: /^completed 1/ });
  t.match(await membersOf(world.store, id), [{ stage: 1 }, { stage: 1 }, { stage: 0 }, { stage: 1 }]);
});

t.test("a thousand devices are asked in four transactions, so that others get their turn", async (t) => {
  await using world = await openRolloutWorld(t);
  const devices = Array.from({ length: 1_000 }, (_, at) => `cam-${at}` as DeviceId);
  const row = { first_seen_ms: 0, last_heard_ms: 0, online: 1 as const, online_since_ms: 0 };
  await world.store
    .insertInto("devices")
    .values(devices.map((id) => ({ id, ...row })))
    .execute();
  await world.store
    .insertInto("deployments")
    .values(devices.map((device) => ({ device, seq: 1, slots_json: "[]", changed_ms: 0 })))
    .execute();
  await world.begin(V1, devices);
  t.same(
    world.published.map((asked) => asked.length),
    [250, 250, 250, 250],
  );
  t.equal(new Set(world.published.flat()).size, 1_000);
});
