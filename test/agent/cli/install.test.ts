import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { perform, requireRoot } from "../../../agent/install/perform.ts";
import { planInstall, planUninstall, stepText } from "../../../agent/install/plan-install.ts";
import { LAUNCHER } from "../../../agent/self-update/launcher.ts";
import { runProgram } from "../../support/programs.ts";

const [unit = "", command = ""] = ["ferry-agent.service", "ferry-agent"].map((name) =>
  readFileSync(`firmware-images/deb/ferry-agent/${name}`, "utf8"),
);

t.test("an installation has all that the launcher needs, and the unit of the package", async (t) => {
  const base = t.testdir({
    built: { "ferry-agent": "#!/bin/sh\necho 0.2.0 $*\n", native: { "lib.so": "x" } },
    root: {},
  });
  execFileSync("chmod", ["755", join(base, "built", "ferry-agent")]);
  const root = join(base, "root");
  const source = {
    folder: join(base, "built"),
    version: "0.2.0",
    sha256: "a".repeat(64),
    unit,
    command,
    launcher: LAUNCHER,
  };
  await perform(planInstall(source), root);
  await perform(planInstall(source), root);
  const program = join(root, "var/lib/ferry-agent/program");
  const said = execFileSync(join(program, "launch"), ["run"], { encoding: "utf8" });
  t.equal(said, "0.2.0 run\n", "twice is as good as once");
  t.equal(readlinkSync(join(program, "base")), "versions/0.2.0-aaaaaaaaaaaaaaaa");
  t.ok(existsSync(join(program, "current", "native", "lib.so")));
  t.equal(statSync(join(root, "var/lib/ferry-agent")).mode & 0o777, 0o750);
  const written = readFileSync(join(root, "etc/systemd/system/ferry-agent.service"), "utf8");
  t.match(written, /^ExecStart=\/var\/lib\/ferry-agent\/program\/launch run$/m);
  t.equal(written.split("\n").length, unit.split("\n").length, "and nothing else differs");
  const called = join(root, "usr/local/bin/ferry-agent");
  t.match(readFileSync(called, "utf8"), /^program=\/var\/lib\/ferry-agent\/program\/current\/ferry-agent$/m);
  t.equal(statSync(called).mode & 0o777, 0o755);

  writeFileSync(join(root, "var/lib/ferry-agent/agent.json"), "{}");
  await perform(planUninstall(), root);
  t.notOk(existsSync(program));
  t.notOk(existsSync(join(root, "etc/systemd/system/ferry-agent.service")));
  t.ok(existsSync(join(root, "var/lib/ferry-agent/agent.json")), "what the device knows stays");
});

t.test("what it would do can be read, and what failed names its step", async (t) => {
  const source = { folder: "/nowhere", version: "0.2.0", sha256: "b".repeat(64), unit, command, launcher: LAUNCHER };
  const text = planInstall(source).map(stepText).join("\n");
  t.match(text, /useradd --system/);
  t.match(text, /write {3}\/etc\/systemd\/system\/ferry-agent\.service, mode 644/);
  const root = join(t.testdir(), "root");
  mkdirSync(root);
  await t.rejects(perform(planInstall(source), root), {
    code: "install-failed",
    message: /versions\/0\.2\.0-b+: .*nowhere/,
  });
  t.throws(() => planInstall({ ...source, unit: "[Service]\n" }), /does not say ExecStart=/);
  t.throws(() => planInstall({ ...source, command: "#!/bin/sh\n" }), /does not say program=/);
});

t.test("it takes root, and a packaged agent", async (t) => {
  t.throws(
    () => {
      requireRoot("/", 1_000);
    },
    { code: "not-root", hint: /sudo/ },
  );
  requireRoot("/", 0);
  requireRoot("/image", 1_000);
  const { code, stderr } = await runProgram("ferry-agent", ["install", "--systemd", "--dry-run"]);
  t.equal(code, 2);
  t.match(stderr, /runs from a source checkout.*npm run package/s);
});
