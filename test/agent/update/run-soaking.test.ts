import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import type { ModelName } from "../../../protocol/ids.ts";
import type { Observed } from "../../../agent/inference/inference-engine.ts";
import type { SlotState } from "../../../agent/update/state.ts";
import type { SoakTraffic } from "../../../protocol/trust/soak-traffic.ts";
import { bundle } from "../../support/agent-bench.ts";
import { hurriedClock } from "../../support/hurried-clock.ts";
import { until } from "../../support/until.ts";
import { openWorld, type Boot, type BootOptions } from "../../support/update-world.ts";

const digits = "digits" as ModelName;
const versionOf = ({ serving }: Boot) => serving.get(digits)?.model.version;
const stateOf = ({ updater }: Boot) => updater.slots().find(({ slot }) => slot === digits)?.state;
const hurried = { ports: { clock: hurriedClock } };
/** Long enough for everything that a test does meanwhile. */
const LONG_MS = 3_600_000;

async function settled(boot: Boot, phase: SlotState["phase"], version?: string): Promise<void> {
  await until(`the slot is ${phase}`, () => {
    return stateOf(boot)?.phase === phase && (version === undefined || versionOf(boot) === version);
  });
}

/** What 1.1.0 does badly, from the moment it answers. */
function badly(observed: Partial<Observed>): BootOptions {
  return { ...hurried, observe: ({ model }) => (model.version === "1.1.0" ? observed : {}) };
}

/** A device on which 1.0.0 answers, and the wish for 1.1.0, which soaks. */
async function deviceWithOne(t: Test, soakMs: number, raised = false) {
  const world = openWorld(t.testdir());
  const one = world.wish(await bundle(t, "1.0.0"));
  const release = await bundle(t, "1.1.0", undefined, raised ? raiseRollbackIndex : undefined);
  const two = world.wish(release, { soakMs });
  await using boot = await world.boot(hurried);
  await boot.updater.apply(world.deployment(one));
  await settled(boot, "committed");
  return { world, one, two, release };
}

function raiseRollbackIndex(directory: string): void {
  const path = join(directory, "model.json");
  const model = JSON.parse(readFileSync(path, "utf8")) as object;
  writeFileSync(path, JSON.stringify({ ...model, rollbackIndex: 1 }));
}

t.test("a version that does badly is turned back from, and stays refused over other wishes and boots", async (t) => {
  const { world, one, two, release } = await deviceWithOne(t, LONG_MS);
  {
    await using boot = await world.boot(badly({ requests: 20, failed: 19 }));
    await boot.updater.apply(world.deployment(two));
    await settled(boot, "rolled-back", "1.0.0");
    t.match(stateOf(boot), { refusal: { code: "soak-errors", message: /19 of 20/ }, active: { version: "1.0.0" } });
    t.equal(boot.standby.size, 0);
    await until("its bundle is gone", () => readdirSync(join(world.directory, "bundles")).length === 1);
    await boot.updater.apply(world.deployment(one));
    await settled(boot, "committed", "1.0.0");
    await boot.updater.apply(world.deployment(two));
    t.match(stateOf(boot), { phase: "failed", refusal: { code: "soak-errors", message: /19 of 20/ } });
    t.equal(boot.fetched.length, 1, "nothing was fetched to find that out");
    await boot.updater.apply(world.deployment(one));
  }
  await using boot = await world.boot(hurried);
  await boot.updater.apply(world.deployment(two));
  t.match(stateOf(boot), { phase: "failed", refusal: { code: "soak-errors" } });
  t.equal(boot.updater.poisons().length, 1);
  await boot.updater.apply(world.deployment(world.wish(release, { soakMs: 0, retry: 1 })));
  await settled(boot, "committed", "1.1.0");
  t.strictSame(boot.updater.poisons(), []);
});

for (const [code, observed] of [
  ["soak-outputs", { requests: 100, badOutputs: 50 }],
  ["soak-crashes", { recentCrashes: 3 }],
] as const) {
  t.test(`${code}: the former answers again`, async (t) => {
    const { world, two } = await deviceWithOne(t, LONG_MS);
    await using boot = await world.boot(badly(observed));
    await boot.updater.apply(world.deployment(two));
    await settled(boot, "rolled-back", "1.0.0");
    t.match(stateOf(boot), { refusal: { code } });
  });
}

t.test(
  "only a version that is committed to raises the rollback index and takes the place of the last good one",
  async (t) => {
    const { world, one, two, release } = await deviceWithOne(t, LONG_MS, true);
    await using boot = await world.boot(hurried);
    await boot.updater.apply(world.deployment(two));
    await settled(boot, "soaking", "1.1.0");
    t.match(stateOf(boot), { active: { version: "1.0.0" }, candidate: { version: "1.1.0" } });
    t.equal(boot.standby.get(digits)?.model.version, "1.0.0");
    await boot.updater.apply(world.deployment(one));
    await settled(boot, "committed", "1.0.0");
    await boot.updater.apply(world.deployment(world.wish(release, { soakMs: 1 })));
    await settled(boot, "committed", "1.1.0");
    await until("the former is let go of", () => boot.standby.size === 0);
    t.match(stateOf(boot), { active: { version: "1.1.0" }, lastKnownGood: { version: "1.0.0" } });
    await boot.updater.apply(world.deployment(one));
    await settled(boot, "failed", "1.1.0");
    t.match(stateOf(boot), { refusal: { code: "bundle-rollback-index" } });
  },
);

t.test("the power goes while a version soaks: the former answers, without any deployment", async (t) => {
  const { world, two } = await deviceWithOne(t, LONG_MS);
  {
    await using boot = await world.boot(hurried);
    await boot.updater.apply(world.deployment(two));
    await settled(boot, "soaking", "1.1.0");
  }
  await using boot = await world.boot(hurried);
  await boot.updater.restored;
  t.equal(versionOf(boot), "1.0.0");
  t.match(stateOf(boot), { phase: "waiting", tries: 1 });
  await boot.updater.apply(world.deployment(two));
  await settled(boot, "soaking", "1.1.0");
  t.strictSame(boot.fetched, []);
});

t.test("the power goes while the first version of a slot soaks: it answers again, and goes on soaking", async (t) => {
  const world = openWorld(t.testdir());
  const wish = world.wish(await bundle(t, "1.1.0"), { soakMs: LONG_MS });
  {
    await using boot = await world.boot(hurried);
    await boot.updater.apply(world.deployment(wish));
    await settled(boot, "soaking", "1.1.0");
  }
  await using boot = await world.boot(badly({ recentCrashes: 4 }));
  await boot.updater.restored;
  await settled(boot, "rolled-back");
  t.match(stateOf(boot), { refusal: { message: /Nothing served the slot before/ }, active: null });
  await until("nothing answers", () => boot.serving.size === 0);
});

t.test("a committed version that is lost gives way to the last good one, without a download", async (t) => {
  const { world, two } = await deviceWithOne(t, 0);
  await using boot = await world.boot(hurried);
  await boot.updater.apply(world.deployment(two));
  await settled(boot, "committed", "1.1.0");
  boot.lose(digits, { code: "runner-crash", message: "five times in a row" });
  await settled(boot, "rolled-back", "1.0.0");
  t.match(stateOf(boot), { refusal: { code: "runner-crash" }, active: { version: "1.0.0" } });
  t.equal(boot.fetched.length, 1, "of 1.1.0 alone");
  await boot.updater.apply(world.deployment(two));
  t.match(stateOf(boot), { phase: "rolled-back" });
});

t.test("a version that is lost to its disk is fetched again when its time has come", async (t) => {
  const { world, two } = await deviceWithOne(t, 0);
  let aheadMs = 0;
  await using boot = await world.boot({ ports: { clock: hurriedClock, nowMs: () => Date.now() + aheadMs } });
  await boot.updater.apply(world.deployment(two));
  await settled(boot, "committed", "1.1.0");
  boot.lose(digits, { code: "bundle-file-digest", message: "a file was changed" });
  await settled(boot, "rolled-back", "1.0.0");
  aheadMs = LONG_MS;
  await settled(boot, "committed", "1.1.0");
});

t.test("a full disk does not keep a version that does badly in the traffic", async (t) => {
  const { world, two } = await deviceWithOne(t, LONG_MS);
  let isFull = false;
  let isBad = false;
  await using boot = await world.boot({
    ...hurried,
    observe: () => (isBad ? { recentCrashes: 3 } : {}),
    isFull: () => isFull,
  });
  await boot.updater.apply(world.deployment(two));
  await settled(boot, "soaking", "1.1.0");
  [isFull, isBad] = [true, true];
  await until("the former answers", () => boot.standby.size === 0 && versionOf(boot) === "1.0.0");
  t.match(stateOf(boot), { phase: "soaking" }, "what could not be stored is not believed");
  isFull = false;
  await settled(boot, "rolled-back", "1.0.0");
  t.match(stateOf(boot), { refusal: { code: "soak-crashes" } });
});

t.test("what stands by is brought back from the disk where the engine has lost it", async (t) => {
  const { world, two } = await deviceWithOne(t, LONG_MS);
  let isBad = false;
  await using boot = await world.boot({ ...hurried, observe: () => (isBad ? { recentCrashes: 3 } : {}) });
  await boot.updater.apply(world.deployment(two));
  await settled(boot, "soaking", "1.1.0");
  boot.standby.clear();
  isBad = true;
  await settled(boot, "rolled-back", "1.0.0");
});

/** The wish for 1.1.0 beside 1.0.0, which answers. */
async function besideOne(t: Test, options: BootOptions = hurried) {
  const device = await deviceWithOne(t, LONG_MS);
  const { world, release } = device;
  const wish = (traffic: SoakTraffic, soakMs = LONG_MS) => world.deployment(world.wish(release, { soakMs, traffic }));
  const boot = await world.boot(options);
  await boot.updater.restored;
  return { ...device, wish, boot };
}

const shadow = { kind: "shadow", share: 1 } as const;
const split = { kind: "split", share: 0.1 } as const;

t.test("a version that soaks beside the former one leaves it the slot until it is good", async (t) => {
  const { wish, boot } = await besideOne(t);
  await using _boot = boot;
  await boot.updater.apply(wish(shadow));
  await settled(boot, "soaking", "1.0.0");
  t.match(boot.trials.get(digits), { bundle: { model: { version: "1.1.0" } }, traffic: shadow });
  t.match(stateOf(boot), { traffic: shadow, active: { version: "1.0.0" }, candidate: { version: "1.1.0" } });
  t.notOk(boot.changes.some(({ after }) => after.phase === "committed" && after.active?.version === "1.1.0"));
  await boot.updater.apply(wish(split, 1));
  await settled(boot, "committed", "1.1.0");
  t.equal(boot.trials.size, 0);
  t.match(stateOf(boot), { active: { version: "1.1.0" }, lastKnownGood: { version: "1.0.0" } });
});

t.test("one that does badly beside the former one ends, and another mode is another try", async (t) => {
  const { wish, boot } = await besideOne(t, badly({ requests: 20, failed: 19 }));
  await using _boot = boot;
  await boot.updater.apply(wish(split));
  await settled(boot, "rolled-back", "1.0.0");
  t.equal(boot.trials.size, 0);
  await boot.updater.apply(wish(split));
  t.match(stateOf(boot), { phase: "rolled-back", refusal: { code: "soak-errors" } });
  await boot.updater.apply(wish(shadow));
  await until("it is tried again", () => boot.changes.filter(({ after }) => after.phase === "soaking").length === 2);
  await settled(boot, "rolled-back", "1.0.0");
});

t.test("the power goes in the middle of a split: the former answers, and the split begins anew", async (t) => {
  const { world, wish, boot } = await besideOne(t);
  {
    await using _boot = boot;
    await boot.updater.apply(wish(split));
    await settled(boot, "soaking", "1.0.0");
  }
  await using again = await world.boot(hurried);
  await again.updater.restored;
  t.equal(versionOf(again), "1.0.0");
  t.match(stateOf(again), { phase: "waiting", retryAtMs: null, tries: 1 });
  t.equal(again.trials.size, 0);
  await again.updater.apply(wish(split));
  await settled(again, "soaking", "1.0.0");
  t.match(again.trials.get(digits), { traffic: split });
});

t.test("a deployment that names another version ends the split first", async (t) => {
  const { world, one, wish, boot } = await besideOne(t);
  await using _boot = boot;
  await boot.updater.apply(wish(split));
  await settled(boot, "soaking", "1.0.0");
  await boot.updater.apply(world.deployment(one));
  await settled(boot, "committed", "1.0.0");
  await until("the split is over", () => boot.trials.size === 0);
});

t.test("where nothing answered before, a split is a soak with all of the traffic", async (t) => {
  const world = openWorld(t.testdir());
  const wish = world.wish(await bundle(t, "1.1.0"), { soakMs: LONG_MS, traffic: split });
  await using boot = await world.boot(hurried);
  await boot.updater.apply(world.deployment(wish));
  await settled(boot, "soaking", "1.1.0");
  t.notOk("traffic" in (stateOf(boot) ?? {}));
});

t.test("the former version is lost in the middle of a split: the other one goes on being watched", async (t) => {
  const { wish, boot } = await besideOne(t);
  await using _boot = boot;
  await boot.updater.apply(wish(split));
  await settled(boot, "soaking", "1.0.0");
  boot.lose(digits, { code: "runner-crash", message: "it ended again and again" });
  t.match(stateOf(boot), { phase: "soaking", active: null, candidate: { version: "1.1.0" } });
});
