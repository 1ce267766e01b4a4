/** `ferry deploy` as a newcomer meets it, against a whole controller and a device in the hands of the test. */
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { runFerry } from "../../support/ferry-commands.ts";
import { openTestController } from "../../support/controller-api.ts";
import { openHandDevice } from "../../support/hand-device.ts";
import { until } from "../../support/until.ts";

const examples = new URL("../../../examples/digits/", import.meta.url).pathname;

t.test("an ONNX file goes to devices in one line", async (t) => {
  const directory = t.testdir();
  await using controller = await openTestController(join(directory, "home"));
  await using device = await openHandDevice(controller.brokerUrl, controller.fleet, "cam-1");
  await device.say("online");
  await device.introduce();
  await device.hello(0);
  await until("the device has its first deployment", device.desired);
  const env = { FERRY_HOME: controller.paths.home, FERRY_CONTROLLER: controller.httpUrl };
  const ferry = (...args: string[]) => runFerry(["deploy", ...args], env);
  const folder = join(directory, "digits");
  mkdirSync(folder);
  const model = join(folder, "model.onnx");
  copyFileSync(join(examples, "v1.0.0", "model.onnx"), model);

  await t.test("first it can be seen, and nothing happens", async (t) => {
    const seen = await ferry(model, "--all", "--dry-run");
    t.match(seen, {
      code: 0,
      stdout: /digits@1\.0\.0 would be signed, pushed to http.* to all devices\n {2}input {3}pixels FP32 \[-1, 64\]/,
      stderr: /Nothing was changed/,
    });
    t.notOk(existsSync(join(folder, "digits-1.0.0")));
    const listed = await runFerry(["bundle", "list", "-o", "name"], env);
    t.equal(listed.stdout, "");
  });

  await t.test("then it happens, step by step, and the next command is named", async (t) => {
    const labels = join(examples, "v1.0.0", "labels.txt");
    const done = await ferry(model, "--all", "--yes", "--labels", labels, "--samples", join(examples, "samples.json"));
    t.equal(done.code, 0, done.stderr);
    t.match(
      done.stderr,
      /1\/4 describe {2}digits@1\.0\.0 in .*golden set of 50, baseline of 450\n2\/4 sign\n3\/4 push .*\n4\/4 roll out {2}to all devices/,
    );
    t.match(done.stdout, /✔ rollout 1 has begun: digits@1\.0\.0/);
    t.match(done.stderr, /next: ferry rollout status 1 -w/);
    await until("the device is told", () => device.desired()?.slots.some(({ slot }) => slot === "digits"));
  });

  await t.test("the next version follows by itself; a bundle's folder is taken as it is", async (t) => {
    copyFileSync(join(examples, "v1.1.0", "model.onnx"), model);
    t.match(await ferry(model, "--device", "cam-1", "--dry-run"), {
      code: 0,
      stdout: /digits@1\.1\.0 would be .* to cam-1/,
    });
    t.match(await ferry(join(folder, "digits-1.0.0"), "--all", "--dry-run"), {
      code: 0,
      stdout: /digits@1\.0\.0 would be/,
    });
  });

  writeFileSync(join(directory, "text.onnx"), "not a model");
  const wrong: readonly [string, readonly string[], number, RegExp][] = [
    ["nobody to deploy to", [model], 2, /To which devices\?/],
    ["a file that is not there", [join(directory, "nothing.onnx"), "--all"], 3, /There is no .*nothing\.onnx/],
    ["a file that is no model", [join(directory, "text.onnx"), "--all"], 1, /text\.onnx is not an ONNX model/],
    ["a folder that is no bundle", [join(directory, "home"), "--all"], 2, /ferry bundle init/],
    ["a name that is none", [model, "--all", "--name", "My Net"], 2, /Try: --name my-net/],
    ["nobody who said yes", [model, "--all", "--version", "9.0.0"], 2, /would change 1 device[\s\S]*--yes/],
  ];
  for (const [what, args, code, message] of wrong) {
    await t.test(`${what} ends with what to do`, async (t) => {
      const finished = await ferry(...args);
      t.equal(finished.code, code, finished.stderr);
      t.match(finished.stderr, message);
      t.match(finished.stderr, /hint:/);
    });
  }
});
