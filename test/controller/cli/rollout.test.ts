/** `ferry rollout` as a shell meets it, against a whole controller and a device in the hands of the test. */
import t, { type Test } from "tap";
import { join } from "node:path";
import { copyDigits } from "../../support/bundles.ts";
import { openTestController } from "../../support/controller-api.ts";
import { openHandDevice } from "../../support/hand-device.ts";
import { runFerry } from "../../support/ferry-commands.ts";
import type { runProgram } from "../../support/programs.ts";
import { startProgram } from "../../support/programs.ts";
import { until } from "../../support/until.ts";

t.test("a rollout on the command line", async (t) => {
  const directory = t.testdir();
  await using controller = await openTestController(join(directory, "home"));
  await using device = await openHandDevice(controller.brokerUrl, controller.fleet, "cam-1");
  await device.say("online");
  await device.introduce();
  await device.hello(0);
  await until("the device has its first deployment", device.desired);
  const env = { FERRY_HOME: controller.paths.home, FERRY_CONTROLLER: controller.httpUrl };
  const ferry = (...args: string[]) => runFerry(args, env);

  await t.test("a rollout shows its plan, needs a yes, and is followed to its end", async (t) => {
    await pushDigits(t, directory, ferry);
    const plan = await ferry("rollout", "create", "digits@1.0.0", "--all", "--dry-run");
    t.equal(plan.code, 0);
    t.match(plan.stdout, /to 1 of 1 device that match[\s\S]*cam-1 +– +install/);
    const unasked = await ferry("rollout", "create", "digits@1.0.0", "--all");
    t.equal(unasked.code, 2);
    t.match(unasked.stderr, /would change 1 device[\s\S]*--yes/);
    const late = await ferry("rollout", "create", "digits@1.0.0", "--all", "--yes", "-w", "--timeout", "300ms");
    t.equal(late.code, 124);
    t.match(late.stderr, /it goes on/);

    const watching = startProgram("ferry", ["rollout", "status", "1", "-w"], { env });
    await until("the watcher has drawn", () => watching.output().includes("deploying"));
    await watching.stop("SIGINT");
    t.match(watching.output(), /stopped watching; the rollout goes on/);

    const deployment = device.desired();
    const slots = (deployment?.slots ?? []).map(({ slot, statement }) => ({
      slot,
      phase: "failed" as const,
      desired: statement,
      refusal: { code: "self-test" as const, message: "case 3 is NaN" },
    }));
    await device.report({ seq: deployment?.seq ?? 0, slots });
    const failed = await ferry("rollout", "status", "1", "-w", "--timeout", "30s");
    t.equal(failed.code, 1);
    t.match(failed.stdout, /self-test: case 3 is NaN/);
    const report = await ferry("report", "fleet");
    t.match(report.stdout, /✖ Rollout 1 of digits@1\.0\.0 failed on 1 of 1 device \(cam-1\)/);
    t.ok(report.stdout.split("\n").every((line) => line.length <= 160));
  });
});

async function pushDigits(t: Test, directory: string, ferry: (...args: string[]) => ReturnType<typeof runProgram>) {
  const bundle = copyDigits(join(directory, "digits"));
  for (const args of [
    ["sign", bundle],
    ["push", bundle],
  ]) {
    const { code, stderr } = await ferry("bundle", ...args);
    t.equal(code, 0, stderr);
  }
}
