import { once } from "node:events";
import { appendFileSync, chmodSync, readdirSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import type { ModelName } from "../../../protocol/ids.ts";
import type { SlotState } from "../../../agent/update/state.ts";
import { bundle } from "../../support/agent-bench.ts";
import { hurriedClock, hurriedSleep } from "../../support/hurried-clock.ts";
import { until } from "../../support/until.ts";
import { openWorld, type Boot, type PowerCut, type World } from "../../support/update-world.ts";

const digits = "digits" as ModelName;
const versionOf = ({ serving }: Boot) => serving.get(digits)?.model.version;
const phaseOf = ({ updater }: Boot) => updater.slots().find(({ slot }) => slot === digits)?.state.phase;
const stateOf = ({ updater }: Boot) => updater.slots().find(({ slot }) => slot === digits)?.state;

async function settled(boot: Boot, phase: SlotState["phase"]): Promise<void> {
  await until(`the slot is ${phase}`, () => phaseOf(boot) === phase);
}

/** A device on which 1.0.0 answers, and the wish for 1.1.0. */
async function deviceWithOne(t: Test, soakMs = 0) {
  const world = openWorld(t.testdir());
  const one = world.wish(await bundle(t, "1.0.0"));
  const two = world.wish(await bundle(t, "1.1.0"), { soakMs });
  await using boot = await world.boot();
  await boot.updater.apply(world.deployment(one));
  await settled(boot, "committed");
  return { world, one, two };
}

t.test("a power cut at any write leaves the old or the new model answering, and the device converges", async (t) => {
  const { world, one, two } = await deviceWithOne(t, 1);
  let points = 0;
  for (let atSave = 0, wasCut = true; wasCut; atSave += 1) {
    for (const when of ["before", "after"] as const) {
      wasCut = await updateThrough(world, { atSave, when }, world.deployment(two));
      await using boot = await world.boot({ ports: { clock: hurriedClock } });
      await boot.updater.restored;
      t.match(
        versionOf(boot),
        /^1\.[01]\.0$/,
        `cut ${when} write ${String(atSave)}: ${versionOf(boot) ?? "nothing"} answers`,
      );
      await boot.updater.apply(world.deployment(two));
      await until("the new one is committed", () => phaseOf(boot) === "committed" && versionOf(boot) === "1.1.0");
      t.match(stateOf(boot), { active: { version: "1.1.0" }, lastKnownGood: { version: "1.0.0" } });
      // And back again, without a download: the next cut finds the same device.
      await boot.updater.apply(world.deployment(one));
      await until("the old one is back", () => phaseOf(boot) === "committed" && versionOf(boot) === "1.0.0");
      points += 1;
    }
  }
  t.ok(points >= 14, `before and after each of 6 phases, and the way through: ${String(points)} points`);
  t.strictSame(readdirSync(join(world.directory, "bundles")).sort(), [one.statement, two.statement].sort());
});

/** Applies the wish on a device whose power goes at one point; false where it got through before. */
async function updateThrough(world: World, cut: PowerCut, deployment: Parameters<Boot["updater"]["apply"]>[0]) {
  await using boot = await world.boot({ cut, ports: { clock: hurriedClock } });
  void boot.updater.apply(deployment);
  const done = until("the power is gone, or the wish granted", () => boot.isDark() || versionOf(boot) === "1.1.0");
  await Promise.race([boot.dark, done]);
  if (!boot.isDark()) await settled(boot, "committed").catch(() => undefined);
  return boot.isDark();
}

t.test("the newest wish supersedes a transfer that is stuck", async (t) => {
  const { world, one, two } = await deviceWithOne(t);
  await using boot = await world.boot({
    hold: async (sha256, signal) => {
      if (sha256 === two.archive.sha256) await untilAborted(signal);
    },
  });
  await boot.updater.apply(world.deployment(two));
  await settled(boot, "transferring");
  await boot.updater.apply(world.deployment(one));
  await settled(boot, "committed");
  t.equal(versionOf(boot), "1.0.0");
  t.strictSame(boot.fetched, []);
});

t.test(
  "a bundle that was damaged on the disk gives way to the last-known-good one, and is fetched again",
  async (t) => {
    const { world, two } = await deviceWithOne(t);
    {
      await using boot = await world.boot();
      await boot.updater.apply(world.deployment(two));
      await until("1.1.0 is committed", () => phaseOf(boot) === "committed" && versionOf(boot) === "1.1.0");
    }
    const model = join(world.directory, "bundles", two.statement, "model.onnx");
    chmodSync(model, 0o600);
    appendFileSync(model, "a bit too much");
    await using boot = await world.boot();
    await boot.updater.restored;
    t.equal(versionOf(boot), "1.0.0", "the last-known-good one answers without any deployment");
    t.match(stateOf(boot), { phase: "rolled-back", refusal: { code: "bundle-file-digest" } });
    await boot.updater.apply(world.deployment(two));
    await settled(boot, "committed");
    t.equal(versionOf(boot), "1.1.0");
    t.strictSame(boot.fetched, [two.archive.sha256]);
  },
);

t.test("a wish for the old one while the new one gets the traffic ends with the old one", async (t) => {
  const { world, one, two } = await deviceWithOne(t);
  const turning = Promise.withResolvers<undefined>();
  await using boot = await world.boot({
    holdActivation: ({ statement }) => (statement === two.statement ? turning.promise : Promise.resolve()),
  });
  await boot.updater.apply(world.deployment(two));
  await settled(boot, "activating");
  await boot.updater.apply(world.deployment(one));
  t.match(stateOf(boot), { phase: "committed", active: { version: "1.0.0" }, lastKnownGood: null });
  const seen: (string | undefined)[] = [];
  turning.resolve(undefined);
  await until("the new one had the traffic, and lost it", () => {
    seen.push(versionOf(boot));
    return boot.standby.size === 0 && versionOf(boot) === "1.0.0";
  });
  t.notOk(seen.includes(undefined), "something answers all the time");
});

t.test("a refused bundle is neither kept nor tried again, and the old one goes on answering", async (t) => {
  const { world, one, two } = await deviceWithOne(t);
  const refusal = { code: "self-test", message: "case 1 differs" } as const;
  await using boot = await world.boot({
    refuse: ({ statement }) => (statement === two.statement ? refusal : undefined),
  });
  await boot.updater.apply(world.deployment(two));
  await settled(boot, "failed");
  await boot.updater.apply(world.deployment(two));
  t.match(stateOf(boot), { phase: "failed", refusal, active: { version: "1.0.0" } });
  t.equal(versionOf(boot), "1.0.0");
  t.equal(boot.fetched.length, 1);
  await until("its bundle is gone", () => readdirSync(join(world.directory, "bundles")).length === 1);
  t.strictSame(readdirSync(join(world.directory, "bundles")), [one.statement]);
});

t.test("nothing is done that could not be stored; it is done when the disk takes it again", async (t) => {
  const { world, two } = await deviceWithOne(t);
  let isFull = true;
  await using boot = await world.boot({
    ports: { clock: hurriedClock },
    isFull: () => isFull,
  });
  await boot.updater.apply(world.deployment(two));
  t.match(stateOf(boot), { phase: "committed", active: { version: "1.0.0" } });
  t.strictSame(boot.fetched, []);
  isFull = false;
  await until("1.1.0 answers", () => versionOf(boot) === "1.1.0");
});

/** Never resolves: rejects when the signal aborts. */
async function untilAborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, "abort");
  signal.throwIfAborted();
}

t.test("a slot that is not wished any more is emptied, its bundles too", async (t) => {
  const { world } = await deviceWithOne(t);
  await using boot = await world.boot();
  await boot.updater.apply(world.deployment());
  await until("nothing is left", () => readdirSync(join(world.directory, "bundles")).length === 0);
  t.equal(boot.serving.size, 0);
  t.strictSame(boot.updater.slots(), []);
});

t.test("an older wish that could not be stored does not come back over a newer one", async (t) => {
  const { world, one, two } = await deviceWithOne(t);
  let isFull = true;
  await using boot = await world.boot({ ports: { clock: hurriedClock }, isFull: () => isFull });
  await boot.updater.apply(world.deployment(two));
  isFull = false;
  await boot.updater.apply(world.deployment(one));
  // Far beyond the time after which the write is tried again.
  await hurriedSleep(20_000);
  t.equal(versionOf(boot), "1.0.0");
  t.strictSame(boot.fetched, []);
});
