import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import type { VerifiedBundle } from "../../../agent/inference/inference-engine.ts";
import type { ModelName } from "../../../protocol/ids.ts";
import type { Deployment } from "../../../protocol/trust/deployment.ts";
import { bundle } from "../../support/agent-bench.ts";
import { hurriedClock } from "../../support/hurried-clock.ts";
import { until } from "../../support/until.ts";
import { openWorld, type Boot, type BootOptions } from "../../support/update-world.ts";

const [left, right] = ["left" as ModelName, "right" as ModelName];
const LONG_MS = 3_600_000;
const hurried = { ports: { clock: hurriedClock } };

const versions = ({ serving }: Boot) => [left, right].map((slot) => serving.get(slot)?.model.version);
const states = ({ updater }: Boot) =>
  [left, right].map((slot) => updater.slots().find((one) => one.slot === slot)?.state);
const isServing = (boot: Boot, one: string, other: string) => versions(boot).join() === `${one},${other}`;
const arePhases = (boot: Boot, one: string, other: string) =>
  states(boot)
    .map((state) => state?.phase)
    .join() === `${one},${other}`;

/** A device on which 1.0.0 answers in two slots, and deployments of both releases in both; 1.1.0 soaks. */
async function deviceWithTwo(t: Test, soakMs = 0) {
  const world = openWorld(t.testdir());
  const releases = {
    left: { "1.0.0": await bundle(t, "1.0.0"), "1.1.0": await bundle(t, "1.1.0") },
    // Other bytes: what fails in one slot is poison in both.
    right: { "1.0.0": await bundle(t, "1.0.0", undefined, mark), "1.1.0": await bundle(t, "1.1.0", undefined, mark) },
  };
  type Version = keyof typeof releases.left;
  const soakOf = (version: Version) => ({ soakMs: version === "1.0.0" ? 0 : soakMs });
  const wishes = (one: Version, other: Version) => [
    { ...world.wish(releases.left[one], soakOf(one)), slot: left },
    { ...world.wish(releases.right[other], soakOf(other)), slot: right },
  ];
  const deployment = (one: Version, other: Version): Deployment => world.deployment(...wishes(one, other));
  await using boot = await world.boot(hurried);
  await boot.updater.apply(deployment("1.0.0", "1.0.0"));
  await until("both answer", () => arePhases(boot, "committed", "committed"));
  return { world, deployment, wishes };
}

function mark(directory: string): void {
  writeFileSync(join(directory, "mark.txt"), "right");
}

function isOfRight({ directory }: VerifiedBundle): boolean {
  return existsSync(join(directory, "mark.txt"));
}

/** Refuses 1.1.0 in one slot. */
function refusing(slot: ModelName): BootOptions {
  return {
    ...hurried,
    refuse: (bundle) => {
      const isMeant = bundle.model.version === "1.1.0" && isOfRight(bundle) === (slot === right);
      return isMeant ? { code: "self-test", message: "case 3 differs" } : undefined;
    },
  };
}

t.test("two slots of one deployment get their traffic when both are qualified, not before", async (t) => {
  const { world, deployment } = await deviceWithTwo(t);
  const released = Promise.withResolvers<undefined>();
  let fetches = 0;
  await using boot = await world.boot({
    ...hurried,
    hold: () => {
      fetches += 1;
      return fetches === 1 ? Promise.resolve() : released.promise;
    },
  });
  await boot.updater.apply(deployment("1.1.0", "1.1.0"));
  await until("the first waits for the second", () => arePhases(boot, "verified", "transferring"));
  t.ok(isServing(boot, "1.0.0", "1.0.0"));
  released.resolve(undefined);
  await until("both are there", () => arePhases(boot, "committed", "committed"));
  t.ok(isServing(boot, "1.1.0", "1.1.0"));
});

t.test("one that fails for good keeps the other from changing, until a deployment wishes something else", async (t) => {
  const { world, deployment } = await deviceWithTwo(t);
  await using boot = await world.boot(refusing(right));
  await boot.updater.apply(deployment("1.1.0", "1.1.0"));
  await until("both say why", () => arePhases(boot, "failed", "failed"));
  const refusals = states(boot).map((state) => (state !== undefined && "refusal" in state ? state.refusal : null));
  t.match(refusals, [{ code: "slot-mate", message: /slot right .*self-test: case 3 differs/ }, { code: "self-test" }]);
  t.ok(isServing(boot, "1.0.0", "1.0.0"));
  await boot.updater.apply(deployment("1.1.0", "1.0.0"));
  await until("the other goes without it", () => isServing(boot, "1.1.0", "1.0.0"));
  await until("and both are at rest", () => arePhases(boot, "committed", "committed"));
});

t.test("one that does badly while both soak turns both back", async (t) => {
  const { world, deployment } = await deviceWithTwo(t, LONG_MS);
  let isBad = false;
  await using boot = await world.boot({
    ...hurried,
    observe: (bundle) => (isBad && isOfRight(bundle) ? { recentCrashes: 3 } : {}),
  });
  await boot.updater.apply(deployment("1.1.0", "1.1.0"));
  await until("both soak", () => arePhases(boot, "soaking", "soaking") && isServing(boot, "1.1.0", "1.1.0"));
  isBad = true;
  await until(
    "both are back",
    () => arePhases(boot, "rolled-back", "rolled-back") && isServing(boot, "1.0.0", "1.0.0"),
  );
  const codes = states(boot).map((state) => (state !== undefined && "refusal" in state ? state.refusal?.code : null));
  t.strictSame(codes, ["slot-mate", "soak-crashes"]);
  t.equal(boot.updater.poisons().length, 1, "only the culprit is poisoned");
});

t.test("a deployment that wishes something else of one slot while both soak brings the other back first", async (t) => {
  const { world, deployment } = await deviceWithTwo(t, LONG_MS);
  await using boot = await world.boot(hurried);
  await boot.updater.apply(deployment("1.1.0", "1.1.0"));
  await until("both soak", () => arePhases(boot, "soaking", "soaking"));
  await boot.updater.apply(deployment("1.1.0", "1.0.0"));
  await until("one soaks in its combination", () => arePhases(boot, "soaking", "committed"));
  await until("and answers", () => isServing(boot, "1.1.0", "1.0.0"));
});

t.test("a failure under an earlier deployment is in nobody's way", async (t) => {
  const { world, wishes, deployment } = await deviceWithTwo(t);
  await using boot = await world.boot(refusing(left));
  const [one, other] = wishes("1.1.0", "1.0.0");
  if (one === undefined || other === undefined) throw new Error("there are two wishes");
  await boot.updater.apply(world.deployment(one, other));
  await until("the one is refused", () => arePhases(boot, "failed", "committed"));
  await boot.updater.apply(deployment("1.1.0", "1.1.0"));
  await until("the other goes its way", () => isServing(boot, "1.0.0", "1.1.0"));
});
