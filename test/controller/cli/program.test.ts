/** The command line as a shell meets it: real processes, their words, their exit codes. */
import t from "tap";
import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { createProgram } from "../../../controller/cli/program.ts";
import { openTestController } from "../../support/controller-api.ts";
import { openHandDevice } from "../../support/hand-device.ts";
import { runFerry } from "../../support/ferry-commands.ts";
import { freePorts, runProgram, startProgram } from "../../support/programs.ts";
import { until } from "../../support/until.ts";

t.test("every command says what it does, with an example", async (t) => {
  for (const command of everyCommand(createProgram())) {
    if (command.commands.length > 0 || command.name() === "help") continue;
    let help = "";
    command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
    t.match(help, /Examples:\n {2}\$ (ferry|echo)/, command.name());
    t.ok(command.description().length > 10, command.name());
  }
});

function everyCommand(command: Command): Command[] {
  return [command, ...command.commands.flatMap(everyCommand)];
}

t.test("init makes private keys and says what to keep offline; a second one changes nothing", async (t) => {
  const home = join(t.testdir(), "home");
  const first = await runFerry(["init", "--home", home, "--fleet", "oslo"]);
  t.equal(first.code, 0);
  t.match(first.stdout, /Keep offline[\s\S]*Root pin\n {2}[0-9a-f]{64}[\s\S]*ferry device invite DEVICE/);
  const keys = ["offline/owner.key.pem", "offline/publisher.key.pem", "controller/director.key.pem", "operator.token"];
  const modes = keys.map((path) => statSync(join(home, path)).mode & 0o777);
  t.same(modes, [0o600, 0o600, 0o600, 0o600]);
  const second = await runFerry(["init", "--home", home]);
  t.equal(second.code, 6);
  t.match(second.stderr, /already; nothing was changed/);
});

t.test("--version and version say the same", async (t) => {
  const [short, long] = [await runFerry(["--version"]), await runFerry(["version", "-o", "json"])];
  t.equal(short.code, 0);
  t.equal((JSON.parse(long.stdout) as { ferry: unknown }).ferry, short.stdout.trim());
});

const failures: readonly { name: string; args: readonly string[]; code: number; says: RegExp }[] = [
  {
    name: "a command that does not exist gets a suggestion",
    args: ["device", "lst"],
    code: 2,
    says: /Did you mean list/,
  },
  {
    name: "an option that does not exist gets a suggestion",
    args: ["device", "list", "--selctor", "a"],
    code: 2,
    says: /Did you mean --selector/,
  },
  {
    name: "a format that does not exist names those that do",
    args: ["device", "list", "-o", "xml"],
    code: 2,
    says: /table, wide, json/,
  },
  {
    name: "a name without a version says how to write it",
    args: ["rollout", "create", "digits", "--all"],
    code: 2,
    says: /digits@1\.4\.0/,
  },
  {
    name: "a rollout to nobody in particular asks",
    args: ["rollout", "create", "digits@1.0.0"],
    code: 2,
    says: /To which devices\?/,
  },
  {
    name: "two ways to choose devices are one too many",
    args: ["rollout", "create", "digits@1.0.0", "--all", "-l", "a"],
    code: 2,
    says: /exactly one/,
  },
  {
    name: "an id that cannot be one says what is allowed",
    args: ["device", "show", "Cam 1"],
    code: 2,
    says: /lower-case letters/,
  },
  {
    name: "a label change that is none says how to write it",
    args: ["device", "label", "cam-1", "gold"],
    code: 2,
    says: /key=value nor key-/,
  },
  {
    name: "a fleet name that cannot be one says what is allowed",
    args: ["init", "--fleet", "Oslo!"],
    code: 2,
    says: /lower-case/,
  },
  { name: "a port that is none says so", args: ["up", "--http-port", "99999"], code: 2, says: /not a port/ },
  {
    name: "a broker that is no address says how to write it",
    args: ["up", "--broker", "localhost"],
    code: 2,
    says: /mqtts:\/\//,
  },
  {
    name: "a broker without TLS on another machine is refused",
    args: ["up", "--broker", "mqtt://192.0.2.1:1883", "--insecure-loopback"],
    code: 4,
    says: /mqtts:\/\//,
  },
  {
    name: "a broker without TLS on this machine is used on purpose only",
    args: ["up", "--broker", "mqtt://127.0.0.1:1883"],
    code: 4,
    says: /--insecure-loopback/,
  },
  { name: "a home that is none names init", args: ["up"], code: 3, says: /ferry init/ },
  {
    name: "an input that is not there says so",
    args: ["predict", "cam-1", "digits", "--input", "nothing.json"],
    code: 2,
    says: /nothing\.json/,
  },
  {
    name: "a time that is none says how to write it",
    args: ["rollout", "status", "1", "-w", "--timeout", "soon"],
    code: 2,
    says: /90s, 5m/,
  },
  { name: "a controller that is not there is asked about", args: ["status"], code: 5, says: /Is `ferry up` running\?/ },
];

t.test("failures end with their exit code and a way out", async (t) => {
  const [port = 0] = await freePorts(1);
  const env = { FERRY_HOME: join(t.testdir(), "nothing"), FERRY_CONTROLLER: `http://127.0.0.1:${String(port)}` };
  const checks = failures.map(({ name, args, code, says }) => async () => {
    const finished = await runFerry(args, env);
    t.equal(finished.code, code, `${name}: exit code`);
    t.match(finished.stderr, says, name);
  });
  for (let at = 0; at < checks.length; at += 2) await Promise.all(checks.slice(at, at + 2).map((check) => check()));
});

t.test("with a controller", async (t) => {
  const directory = t.testdir();
  await using controller = await openTestController(join(directory, "home"));
  await using device = await openHandDevice(controller.brokerUrl, controller.fleet, "cam-1");
  await device.say("online");
  await device.introduce();
  await device.hello(0);
  await until("the device has its first deployment", device.desired);
  const env = { FERRY_HOME: controller.paths.home, FERRY_CONTROLLER: controller.httpUrl };
  const ferry = (...args: string[]) => runFerry(args, env);

  await t.test("lists come in every format", async (t) => {
    const shown = await Promise.all(
      ["table", "json", "csv", "name"].map((format) => ferry("device", "list", "-o", format)),
    );
    const [table, json, csv, name] = shown.map(({ stdout }) => stdout);
    t.match(table, /^DEVICE {2}STATE .*\ncam-1 +online/);
    t.match(JSON.parse(json ?? ""), [{ id: "cam-1", online: true, labels: { site: "oslo" } }]);
    t.match(csv, /^device,state,models,labels,heard,agent,hardware\ncam-1,online,/);
    t.equal(name, "cam-1\n");
  });

  await t.test("an empty list says how to fill it, on standard error", async (t) => {
    const { code, stdout, stderr } = await ferry("rollout", "list");
    t.same([code, stdout], [0, ""]);
    t.match(stderr, /ferry rollout create/);
  });

  await t.test("a change prints the next command", async (t) => {
    const { code, stderr } = await ferry("device", "label", "cam-1", "tier=gold");
    t.equal(code, 0);
    t.match(stderr, /next: ferry device list -l/);
  });
});

t.test("up says where it listens, and ends within 5 s of SIGTERM", async (t) => {
  const directory = t.testdir();
  const [http = 0, mqtt = 0] = await freePorts(2);
  const env = { FERRY_HOME: join(directory, "home") };
  await runFerry(["init"], env);
  const open = await runProgram("ferry", ["up", "--http-host", "0.0.0.0"], env);
  t.equal(open.code, 4);
  t.match(open.stderr, /without TLS[\s\S]*--tls-cert/, "an API beyond this machine is refused without a certificate");
  await using program = startProgram(
    "ferry",
    ["up", "--http-port", String(http), "--mqtt-port", String(mqtt), "--enrol-port", "0"],
    {
      env,
    },
  );
  await until("it is up", () => program.output().includes(`http://127.0.0.1:${String(http)}`));
  const taken = await runProgram(
    "ferry",
    ["up", "--http-port", String(http), "--mqtt-port", "0", "--enrol-port", "0"],
    env,
  );
  t.equal(taken.code, 6);
  t.match(taken.stderr, new RegExp(`Port ${String(http)} .* taken[\\s\\S]*--http-port`));
  t.ok((await program.stop()) < 5_000);
  t.match(program.output(), /stopped/);
});

t.test("settings with a typo are refused with the place", async (t) => {
  const env = { FERRY_HOME: join(t.testdir(), "home") };
  await runFerry(["init"], env);
  writeFileSync(
    join(env.FERRY_HOME, "controller", "controller.json"),
    JSON.stringify({ formatVersion: 1, fleet: "main", mqtt: { host: "127.0.0.1", prot: 1 }, http: { port: 1 } }),
  );
  const { code, stderr } = await runProgram("ferry", ["up"], env);
  t.equal(code, 1);
  t.match(stderr, /controller\.json[\s\S]*\/mqtt/);
});
