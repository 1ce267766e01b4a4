/** `ferry-agent`: the command line of the device. Standard output is a command's result, all else goes to standard error. */
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import pc from "picocolors";
import { EXIT, FerryError, messageOf, type ExitCode } from "../common/ferry-error.ts";
import { openLog } from "../common/log.ts";
import { bufferText, exportBuffer, readBuffer } from "./cli/buffer.ts";
import { dataConfig, withDataOptions, type DataOptions } from "./cli/data-options.ts";
import { hasJoined, join } from "./cli/join.ts";
import type { JoinOptions } from "./cli/join-options.ts";
import { predictLocally, type PredictOptions } from "./cli/predict.ts";
import { addSimulateCommand } from "./cli/simulate-command.ts";
import type { InstallOptions } from "./cli/install.ts";
import { modelsText } from "./cli/models.ts";
import { addFirstBootCommand } from "./cli/first-boot-command.ts";
import { fetchStatus, statusText } from "./cli/status.ts";
import { showToken, type TokenOptions } from "./cli/token.ts";
import { agentFolder, DEFAULT_DIRECTORY, DEFAULT_HTTP } from "./config.ts";
import type { Waiting } from "./enrol/ask-to-join.ts";
import { AGENT_VERSION } from "./version.ts";

async function main(args: readonly string[]): Promise<number> {
  let exitCode: number = EXIT.ok;
  const program = new Command("ferry-agent")
    .description("Runs signed models on this device, and reports to its fleet.")
    .version(AGENT_VERSION, "-V, --version")
    .showHelpAfterError("(ferry-agent --help shows what there is)")
    .exitOverride();

  const joinCommand = program
    .command("join")
    .description(
      "make this device a member of a fleet: proves who answers, checks the root of trust, gets a certificate",
    )
    .argument("[token]", "what `ferry device invite` printed; or mqtt://127.0.0.1:PORT on the controller's own machine")
    .option("--controller <url>", "without a token: ask this controller, and wait until an operator approves the key")
    .option("--ca-pin <hex>", "SHA-256 of that controller's CA key, as `ferry ca show` prints it")
    .option("--fleet <id>", "the fleet's name, where there is no token")
    .requiredOption("--root-pin <hex>", "SHA-256 of the fleet's first root, as `ferry init` printed it")
    .option("--id <id>", "this device's name (default: the token's, or from the host name)")
    .option("--label <key=value>", "a label of this device; may be repeated", collect, [])
    .addOption(directoryOption())
    .option("--http-port <port>", "where models answer on this device; 0: any free port", portNumber, DEFAULT_HTTP.port)
    .option("--http-host <address>", "on which address; beyond this machine callers need a token", DEFAULT_HTTP.host)
    .option("--http-unprotected", "…or need none: for a network that keeps others out itself")
    .option("--force", "join again: replaces what an earlier join wrote, keeps the device's key")
    .option("--if-needed", "do nothing where this device has joined already: for what runs at each start of a machine")
    .addHelpText(
      "after",
      `${example("ferry-agent join mfj1.eyJ1cmwi… --root-pin 3f9c…e1 --label site=oslo")}
  $ ferry-agent join --controller https://ferry.example:8471 --ca-pin 90ab…7c --root-pin 3f9c…e1 --id cam-1`,
    )
    .action(async (address: string | undefined, { ifNeeded, ...options }: JoinOptions & { ifNeeded?: true }) => {
      if (ifNeeded === true && (await hasJoined(agentFolder(options.dir)))) {
        print(`The agent in ${options.dir} has joined a fleet already: nothing to do`);
        return;
      }
      const joined = await join(address, options, { onWaiting: tellWaiting, onTrouble: tellTrouble });
      print(
        `${pc.bold(joined.device)} has joined the fleet ${pc.bold(joined.fleet)}\n` +
          `  folder   ${joined.directory}\n` +
          `  root     ${joined.rootDigest} ${pc.green("as pinned")}\n` +
          `  key      ${joined.keyFingerprint}\n` +
          (joined.asksForToken ? "  callers  need the token that `ferry-agent token` prints\n" : "") +
          // A package that runs the agent as a service says how that is started.
          `Start it with: ${process.env["FERRY_AGENT_START"] ?? `ferry-agent run --dir ${joined.directory}`}`,
      );
    });

  withDataOptions(joinCommand);

  addFirstBootCommand(program, directoryOption(), { print, say });

  const runCommand = program
    .command("run")
    .description("run the agent until it is told to stop (Ctrl-C or SIGTERM; twice: at once)")
    .addOption(directoryOption())
    .addHelpText("after", example("ferry-agent run --dir /var/lib/modelferry-agent"))
    .action(async ({ dir, ...data }: { dir: string } & DataOptions) => {
      // Only this command needs the whole agent: the others answer at once.
      const { run } = await import("./cli/run.ts");
      exitCode = await run(dir, dataConfig(data));
    });
  withDataOptions(runCommand);

  program
    .command("self-test")
    .description("whether this program works on this machine: libraries, database, a model, pictures; needs no fleet")
    .addHelpText("after", example("ferry-agent self-test"))
    .action(async () => {
      const { exitCodeOf, selfTest } = await import("./self-test/self-test.ts");
      const result = await selfTest(openLog("ferry-agent", "error"), new AbortController().signal);
      print(JSON.stringify(result, undefined, 2));
      exitCode = exitCodeOf(result);
    });

  program
    .command("status")
    .description("what the agent on this device says of itself")
    .addOption(directoryOption())
    .addOption(new Option("-o, --output <format>", "how to show it").choices(["table", "json"]).default("table"))
    .addHelpText("after", example("ferry-agent status -o json"))
    .action(async ({ dir, output }: { dir: string; output: string }) => {
      const status = await fetchStatus(dir);
      print(output === "json" ? JSON.stringify(status, undefined, 2) : statusText(status));
    });

  program
    .command("predict")
    .description("ask a model on this device: JSON, a .npy array, a picture or a sound from a file")
    .argument("<model>", "its name, as `ferry-agent status` lists it")
    .requiredOption("--input <file>", 'such as {"inputs": {"x": [[0, 1]]}}')
    .addOption(directoryOption())
    .addHelpText("after", example("ferry-agent predict digits --input examples/clients/digit.json"))
    .action(async (model: string, options: PredictOptions) => {
      print(await predictLocally(model, options));
    });

  program
    .command("token")
    .description("the token that callers of this device's HTTP port must show: print it, or make one")
    .option("--admin", "the administrator's, who may suspend and resume models here")
    .option("--create", "make one, in place of one that is there; the agent takes it at its next start")
    .addOption(directoryOption())
    .addHelpText("after", example('curl -H "Authorization: Bearer $(ferry-agent token)" http://cam-1:8080/v2'))
    .action((options: TokenOptions) => {
      print(showToken(options));
    });

  program
    .command("models")
    .description("what is loaded on this device: on which provider, how much memory it takes, how fast it answers")
    .addOption(directoryOption())
    .addOption(new Option("-o, --output <format>", "how to show it").choices(["table", "json"]).default("table"))
    .addHelpText("after", example("ferry-agent models"))
    .action(async ({ dir, output }: { dir: string; output: string }) => {
      const status = await fetchStatus(dir);
      const { models = [], memory } = status;
      print(output === "json" ? JSON.stringify({ models, memory }, undefined, 2) : modelsText(status, Date.now()));
    });

  program
    .command("buffer")
    .description("telemetry that waits on this device for the controller: how much, since when, and why")
    .option("--export", "print every record as a line of JSON, oldest first; nothing is taken out")
    .addOption(directoryOption())
    .addOption(new Option("-o, --output <format>", "how to show it").choices(["table", "json"]).default("table"))
    .addHelpText("after", `${example("ferry-agent buffer")}\n  $ ferry-agent buffer --export > telemetry.jsonl`)
    .action(async (options: { dir: string; output: string; export?: true }) => {
      if (options.export === true) {
        await exportBuffer(options.dir, print);
        return;
      }
      const buffer = await readBuffer(options.dir);
      print(options.output === "json" ? JSON.stringify(buffer, undefined, 2) : bufferText(buffer, Date.now()));
    });

  addSimulateCommand(program, {
    say,
    onExit: (code) => {
      exitCode = code;
    },
  });

  program
    .command("install")
    .description("make this packaged agent a service that updates itself (instead of the Debian package)")
    .option("--systemd", "as a service of systemd")
    .option("--dry-run", "print what it would do")
    .option(
      "--root <directory>",
      "below this directory, without running anything: for an image that is being built",
      "/",
    )
    .addHelpText("after", example("sudo ./ferry-agent install --systemd"))
    .action(async (options: InstallOptions) => {
      const { install } = await import("./cli/install.ts");
      print(await install(options));
    });

  program
    .command("uninstall")
    .description("remove that service; what the device knows stays")
    .option("--dry-run", "print what it would do")
    .option("--root <directory>", "below this directory, without running anything", "/")
    .addHelpText("after", example("sudo ferry-agent uninstall --dry-run"))
    .action(async (options: InstallOptions) => {
      const { uninstall } = await import("./cli/install.ts");
      print(await uninstall(options));
    });

  program
    .command("doctor")
    .description("is this device fit for the agent: kernel, memory, disk, clock, broker, certificate, permissions")
    .addOption(directoryOption())
    .addOption(new Option("-o, --output <format>", "how to show it").choices(["table", "json"]).default("table"))
    .addHelpText(
      "after",
      `${example("ferry-agent doctor")}\nExit code 1 where something must be done; it changes nothing.`,
    )
    .action(async ({ dir, output }: { dir: string; output: string }) => {
      const { diagnose, diagnosisText, exitCodeOf, verdictText } = await import("./cli/doctor.ts");
      const diagnosis = await diagnose(dir);
      print(output === "json" ? JSON.stringify(diagnosis, undefined, 2) : diagnosisText(diagnosis));
      if (output !== "json") say(verdictText(diagnosis));
      exitCode = exitCodeOf(diagnosis);
    });

  program
    .command("version")
    .description("print the version of this program")
    .addOption(new Option("-o, --output <format>", "how to show it").choices(["text", "json"]).default("text"))
    .action(async ({ output }: { output: string }) => {
      if (output !== "json") {
        print(AGENT_VERSION);
        return;
      }
      const { SCHEMAS } = await import("./self-update/schemas.ts");
      print(JSON.stringify({ version: AGENT_VERSION, nodeVersion: process.version, schemas: SCHEMAS }));
    });

  try {
    await program.parseAsync(args, { from: "user" });
    return exitCode;
  } catch (thrown) {
    return explain(thrown);
  }
}

function tellWaiting({ fleet, device, fingerprint }: Waiting): void {
  say(
    `${pc.bold(device)} asks to join the fleet ${pc.bold(fleet)}, and waits for an operator. Its key:\n\n` +
      `  ${pc.bold(fingerprint)}\n\n` +
      `On the operator's machine, where the same key must show:\n` +
      `  ferry device pending\n` +
      `  ferry device approve ${device} --fingerprint ${fingerprint}\n\n` +
      pc.dim("This goes on by itself then. Ctrl-C ends the wait; running it again goes on with the same key."),
  );
}

function tellTrouble(why: string): void {
  say(`${pc.yellow("waiting:")} ${why}`);
}

function directoryOption(): Option {
  return new Option("--dir <folder>", "the agent's folder").env("FERRY_AGENT_DIR").default(DEFAULT_DIRECTORY);
}

function collect(value: string, previous: readonly string[]): readonly string[] {
  return [...previous, value];
}

function portNumber(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > 65_535) throw new InvalidArgumentError("A port is a number from 0 to 65535.");
  return port;
}

function example(line: string): string {
  return `\nExample:\n  $ ${line}`;
}

/** What happened, why, and what to do; then the exit code for it. */
function explain(thrown: unknown): ExitCode {
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? EXIT.ok : EXIT.usage;
  say(`${pc.red("error:")} ${messageOf(thrown)}`);
  if (!(thrown instanceof FerryError)) {
    if (thrown instanceof Error && thrown.stack !== undefined) say(pc.dim(thrown.stack));
    return EXIT.failed;
  }
  if (thrown.hint !== undefined) say(`${pc.cyan("hint:")}  ${thrown.hint}`);
  return thrown.exitCode;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

// An executable is one CommonJS file, which cannot wait at its top level.
void main(process.argv.slice(2)).then((exitCode) => {
  process.exitCode = exitCode;
});
