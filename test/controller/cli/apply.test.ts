/** Groups and rollouts as files, on the command line, against a whole controller and a device in the hands of the test. */
import t from "tap";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { copyDigits } from "../../support/bundles.ts";
import { openTestController } from "../../support/controller-api.ts";
import { openHandDevice } from "../../support/hand-device.ts";
import { runFerry } from "../../support/ferry-commands.ts";
import type { DeviceId } from "../../../protocol/ids.ts";
import { until } from "../../support/until.ts";

const group = `apiVersion: modelferry/v1
kind: Group
metadata: { name: cams }
spec: { selector: camera }
`;
const rollout = `apiVersion: modelferry/v1
kind: Rollout
metadata: { name: digits-1 }
spec:
  bundle: digits@1.0.0
  selector: "@cams"
  follow: true
  stages: [{ take: 50%, soak: 10m }, { take: 100%, approval: required }]
`;

t.test("groups and rollouts of a file", async (t) => {
  const directory = t.testdir();
  await using controller = await openTestController(join(directory, "home"));
  await using device = await openHandDevice(controller.brokerUrl, controller.fleet, "cam-1");
  await device.say("online");
  await device.introduce();
  await device.hello(0);
  await until("the device has its first deployment", device.desired);
  const env = { FERRY_HOME: controller.paths.home, FERRY_CONTROLLER: controller.httpUrl };
  const ferry = (...args: string[]) => runFerry(args, env);
  const file = join(directory, "fleet.yaml");
  // The rollout stands first, and is about the group: groups are made before.
  writeFileSync(file, `${rollout}---\n${group}`);
  const bundle = copyDigits(join(directory, "digits"));
  for (const args of [
    ["sign", bundle],
    ["push", bundle],
  ])
    await ferry("bundle", ...args);
  await controller.client.labelDevice({
    params: { device: "cam-1" as DeviceId },
    body: { labels: { camera: "front" } },
  });

  await t.test("a label that is changed says what it was", async (t) => {
    const set = await ferry("device", "label", "cam-1", "tier=gold", "camera=rear");
    t.match(set, { code: 0, stdout: /camera=rear,.*tier=gold\n {2}tier {2}none → gold\n {2}camera {2}front → rear/ });
    const taken = await ferry("device", "label", "cam-1", "tier-", "camera=rear", "frozen-");
    t.match(taken.stdout, /tier {2}gold → none\n {2}camera {2}rear, as before\n {2}frozen {2}none, as before/);
    const own = await ferry("device", "label", "cam-1", "site-");
    t.match(own.stderr, /site=oslo is the device's own label, and shows again/);
    const twice = await ferry("device", "label", "cam-1", "site=a", "site-");
    t.match(twice, { code: 2, stderr: /site is changed twice/ });
  });

  await t.test("what is not there differs, is shown, and is made only with a yes", async (t) => {
    const diff = await ferry("diff", "-f", file);
    t.equal(diff.code, 1);
    t.match(diff.stdout, /rollout digits-1 \(is not there\)[^]*\+ *bundle: digits@1\.0\.0[^]*group cams/);
    const group = await ferry("group", "create", "cams", "-l", "camera, site=mars");
    t.match(group.stderr, /no device matches "camera, site=mars" now/);
    const unasked = await ferry("apply", "-f", file);
    t.equal(unasked.code, 2);
    t.match(unasked.stdout, /group cams changed: camera {2}\(1 device now\)/);
    t.match(unasked.stderr, /would change 1 device/);
  });

  await t.test("applied twice, it is the same rollout", async (t) => {
    const first = await ferry("apply", "-f", file, "--yes");
    t.equal(first.code, 0, first.stderr);
    t.match(first.stdout, /group cams unchanged\n.*rollout digits-1 has begun: it is rollout 1/);
    const second = await ferry("apply", "-f", file, "--yes");
    t.match(second, { code: 0, stdout: /group cams unchanged\nrollout digits-1 unchanged: it is rollout 1, running/ });
    t.match(await ferry("diff", "-f", file), { code: 0, stdout: "", stderr: /nothing differs/ });
    t.equal((await controller.client.listRollouts({ query: { limit: 10 } })).rollouts.length, 1);
  });

  await t.test("the file that get prints is the same rollout and group", async (t) => {
    const got = await ferry("get", "rollout", "digits-1", "-o", "yaml");
    const groups = await ferry("get", "groups", "-o", "yaml");
    writeFileSync(join(directory, "got.yaml"), `${got.stdout}---\n${groups.stdout}`);
    t.match(await ferry("diff", "-f", join(directory, "got.yaml")), { code: 0, stderr: /nothing differs/ });
    t.match(await ferry("get", "rollouts", "-o", "name"), { code: 0, stdout: "1\n" });
    t.match(await ferry("describe", "bundle", "digits@1.0.0"), { code: 0, stdout: /input +pixels/ });
    t.match(await ferry("describe", "group", "cams"), {
      code: 0,
      stdout: /devices {2}cam-1\n {2}used by {2}rollout 1/,
    });
    t.match(await ferry("get", "devices", "-l", "@cams", "-o", "name"), { code: 0, stdout: "cam-1\n" });
  });

  await t.test("a rollout under way becomes no other one, and keeps its group", async (t) => {
    writeFileSync(file, rollout.replace("soak: 10m", "soak: 20m"));
    const changed = await ferry("apply", "-f", file, "--yes");
    t.equal(changed.code, 6);
    t.match(
      changed.stderr,
      /is running, and cannot become another:[^]*- +soak: 10m\n.*\+ +soak: 20m[^]*rollout abort 1/,
    );
    t.match(await ferry("delete", "rollout", "digits-1", "--yes"), { code: 6, stderr: /Rollout 1 .* is running/ });
    t.match(await ferry("delete", "group", "cams", "--yes"), { code: 6, stderr: /used by rollout 1/ });
  });

  await t.test("when it is over another one of its name begins, and both can be deleted", async (t) => {
    t.equal((await ferry("rollout", "abort", "1")).code, 0);
    const dry = await ferry("apply", "-f", file, "--dry-run");
    t.match(dry, { code: 0, stdout: /rollout digits-1 \(rollout 1, aborted\)[^]*to 1 of 1 device/ });
    t.match(await ferry("apply", "-f", file, "--yes"), { code: 0, stdout: /it is rollout 2/ });
    await ferry("rollout", "abort", "2");
    t.match(await ferry("delete", "-f", file), { code: 2, stderr: /would delete rollout digits-1/ });
    t.match(await ferry("delete", "-f", file, "--yes"), {
      code: 0,
      stdout: /rollout 2, which was aborted, is deleted/,
    });
    t.match(await ferry("delete", "rollout", "1", "--yes"), { code: 0 });
    t.match(await ferry("delete", "group", "cams", "--yes"), { code: 0, stdout: /group cams is deleted/ });
    t.match(await ferry("delete", "rollout", "digits-1", "--yes"), { code: 3, stderr: /no rollout called "digits-1"/ });
  });

  await t.test("what is watched and reported is applied as the rest, and comes back as a file", async (t) => {
    const watch = new URL("../../../examples/alerts/watch.yaml", import.meta.url).pathname;
    const dry = await ferry("apply", "-f", watch, "--dry-run");
    t.match(dry, {
      code: 0,
      stdout:
        /alert oslo-hot \(is not there\)[^]*alert telemetry-lost\n[^]*- +enabled: true\n.*\+ +enabled: false[^]*schedule monday/,
    });
    t.equal((await controller.client.listSchedules({})).schedules.length, 0, "nothing was done");
    const first = await ferry("apply", "-f", watch);
    t.match(first.stdout, /alert oslo-hot created\n.*alert telemetry-lost changed, and turned off\n.*schedule monday/);
    t.match(await ferry("apply", "-f", watch), { code: 0, stdout: /alert oslo-hot unchanged\n[^]*monday unchanged/ });
    const got = await ferry("get", "alerts", "oslo-hot", "-o", "yaml");
    const all = await ferry("get", "schedules", "-o", "yaml");
    writeFileSync(file, `${got.stdout}---\n${all.stdout}`);
    t.match(await ferry("diff", "-f", file), { code: 0, stderr: /nothing differs/ });
    t.match((await ferry("get", "alert", "oslo-hot")).stdout, /temperature_celsius > 70 °C, site=oslo/);
    t.match((await ferry("describe", "alert", "oslo-hot")).stdout, /Open the cabinet's vent[^]*firing +nothing now/);
    t.match((await ferry("describe", "schedule", "monday")).stdout, /fleet, of 7d, as html, csv[^]*by the clocks of/);
    t.match(await ferry("get", "alert", "oslo-hott"), { code: 3, stderr: /Did you mean oslo-hot\?/ });
    writeFileSync(file, all.stdout.replace("receivers: []", "receivers: [mail]"));
    for (const args of [["--dry-run"], []]) {
      t.match(await ferry("apply", "-f", file, ...args), { code: 2, stderr: /no receiver mail of reports/ });
    }
    t.match(await ferry("delete", "-f", watch, "--yes"), {
      code: 0,
      stdout: /alert oslo-hot is deleted[^]*schedule monday is deleted; what it made stays in/,
    });
    t.match(await ferry("diff", "-f", watch), { code: 1, stdout: /enabled: true/ }, "the program's own is as it was");
  });

  await t.test("what cannot be is refused in words", async (t) => {
    const wrong: readonly (readonly [args: readonly string[], code: number, says: RegExp])[] = [
      [["get", "devces"], 2, /no kind "devces"[^]*Did you mean device\?/],
      [["get", "rollouts", "-l", "a"], 2, /-l chooses devices/],
      [["delete", "device", "cam-1", "--yes"], 2, /ferry device revoke/],
      [["describe", "group", "nobody"], 3, /no group "nobody"/],
      [["apply", "-f", join(directory, "none.yaml")], 3, /none\.yaml/],
      [["rollout", "create", "digits@1.0.0", "-l", "@cmas", "--dry-run"], 3, /no group "cmas"/],
      [["rollout", "create", "-f", file, "--soak", "1m"], 2, /soak has no place beside it/],
    ];
    for (const [args, code, says] of wrong) t.match(await ferry(...args), { code, stderr: says }, args.join(" "));
  });

  await t.test("flags print as the file that they mean", async (t) => {
    const flags = [
      "digits@1.0.0",
      "--all",
      "--stages",
      "1,100%",
      "--gate",
      "error_rate<=1%",
      "--dry-run",
      "-o",
      "yaml",
    ];
    const { code, stdout } = await ferry("rollout", "create", ...flags);
    t.equal(code, 0);
    t.match(stdout, /name: digits-1\.0\.0[^]*take: 1\n[^]*max: 0\.01/);
  });
});
