import type { Command } from "commander";
import pc from "picocolors";
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import { openLog } from "../../common/log.ts";
import { controllerPaths, readConfig, type ControllerConfig, type ControllerPaths } from "../config.ts";
import type { RunningController } from "../controller.ts";
import { stopSignal, withExamples } from "./context.ts";
import { isLoopback, requireLoopback } from "../http/loopback.ts";
import { print, say } from "./output.ts";

interface UpOptions {
  readonly home?: string;
  readonly broker?: string;
  readonly insecureLoopback?: boolean;
  readonly enrolPort?: number;
  readonly mqttHost?: string;
  readonly mqttPort?: number;
  readonly httpHost?: string;
  readonly httpPort?: number;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly directorSignerCmd?: string;
  readonly directorPublicKey?: string;
}

/** What remains after SIGTERM: longer, and a service manager would kill the program in the middle of something. */
const STOP_MS_MAX = 4_500;

export function addUpCommand(program: Command): void {
  const command = program
    .command("up")
    .description("run the controller, with a broker of its own unless --broker names one")
    .option("--home <dir>", "the controller's folder (default: FERRY_HOME, or ~/.modelferry)")
    .option("--broker <url>", "use the broker at mqtts://host:port instead of the embedded one")
    .option("--mqtt-host <address>", "where the embedded broker listens (default: controller.json, 127.0.0.1)")
    .option("--mqtt-port <port>", "its port (default: controller.json, 8883)", port)
    .option("--enrol-port <port>", "where devices enrol, on the same address (default: controller.json, 8471)", port)
    .option("--insecure-loopback", "plain MQTT without certificates, on this machine only")
    .option("--http-host <address>", "where the HTTP API listens (default: controller.json, 127.0.0.1); else with TLS")
    .option("--http-port <port>", "its port (default: controller.json, 8470)", port)
    .option("--tls-cert <file>", "its certificate, with those up to its CA (PEM)")
    .option("--tls-key <file>", "the certificate's private key (PEM), readable by nobody else")
    .option("--director-signer-cmd <command>", "let this shell command sign deployments (default: controller.json)")
    .option("--director-public-key <file>", "the public key that --director-signer-cmd signs with")
    .action(up);
  withExamples(command, "ferry up", "ferry up --broker mqtts://broker.example:8883", "ferry up --mqtt-host 0.0.0.0");
}

async function up(options: UpOptions): Promise<void> {
  const paths = controllerPaths(options.home);
  const brokerUrl = options.broker === undefined ? undefined : checkedBroker(options.broker, options);
  const config = configured(readConfig(paths), options);
  if (options.insecureLoopback === true) requireLoopbackBroker(config.mqtt.host);
  const signal = stopSignal();
  signal.addEventListener("abort", () => {
    say("stopping");
    setTimeout(() => {
      say("error: some part did not stop in time; what was stored is safe");
      process.exit(EXIT.failed);
    }, STOP_MS_MAX).unref();
  });
  // The server's packages are loaded only by the command that needs them: the others answer faster.
  const { runController } = await import("../controller.ts");
  const log = openLog("ferry");
  await runController(
    { paths, config, brokerUrl, insecureLoopback: options.insecureLoopback === true, log },
    (running) => {
      greet(running, paths, config, brokerUrl);
    },
    signal,
  );
  say("stopped");
}

function configured(config: ControllerConfig, options: UpOptions): ControllerConfig {
  const { mqttHost, mqttPort, enrolPort, ...http } = options;
  return {
    ...config,
    mqtt: { host: mqttHost ?? config.mqtt.host, port: mqttPort ?? config.mqtt.port },
    ...(enrolPort === undefined ? {} : { enrol: { ...config.enrol, port: enrolPort } }),
    http: configuredHttp(config.http, http),
    ...directorOf(options),
  };
}

type HttpConfig = ControllerConfig["http"];

/** Throws `usage`, `not-loopback`. */
function configuredHttp(config: HttpConfig, { httpHost, httpPort, tlsCert, tlsKey }: UpOptions): HttpConfig {
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    throw new FerryError("usage", "--tls-cert and --tls-key go together", {
      hint: "Give both, or neither.",
      exitCode: EXIT.usage,
    });
  }
  const host = httpHost ?? config.host ?? "127.0.0.1";
  const tls = tlsCert === undefined || tlsKey === undefined ? config.tls : { cert: tlsCert, key: tlsKey };
  if (tls === undefined) requireLoopback(host);
  return { host, port: httpPort ?? config.port, ...(tls === undefined ? {} : { tls }) };
}

function directorOf({ directorSignerCmd, directorPublicKey }: UpOptions): Pick<ControllerConfig, "director"> {
  if (directorSignerCmd === undefined && directorPublicKey === undefined) return {};
  if (directorSignerCmd !== undefined && directorPublicKey !== undefined) {
    return { director: { signerCommand: directorSignerCmd, publicKey: directorPublicKey } };
  }
  throw new FerryError("usage", "--director-signer-cmd and --director-public-key belong together", {
    hint: "Each signature is verified with that key before it is used.",
    exitCode: EXIT.usage,
  });
}

function greet(
  running: RunningController,
  { home }: ControllerPaths,
  { fleet }: ControllerConfig,
  external: string | undefined,
): void {
  const { httpUrl, brokerUrl, enrolUrl, rootPin, damagedDatabase } = running;
  const join =
    enrolUrl === undefined
      ? `ferry-agent join ${brokerUrl} --fleet ${fleet} --root-pin ${rootPin}`
      : "ferry device invite DEVICE   (prints the line for the device)";
  print(
    [
      `${pc.green("✔")} controller of fleet ${pc.bold(fleet)} (${home})`,
      `  HTTP API  ${httpUrl}`,
      `  broker    ${brokerUrl}${external === undefined ? " (in this process)" : ""}`,
      ...(enrolUrl === undefined ? [] : [`  enrolment ${enrolUrl}`]),
      `  to join   ${join}`,
    ].join("\n"),
  );
  if (damagedDatabase === undefined) return;
  say(
    [
      pc.red(pc.bold("The database was damaged.")),
      `  It is moved to ${damagedDatabase}, and a new one is begun.`,
      "  Devices and bundles come back by themselves; rollouts, operator's labels and telemetry before now do not.",
      "  Check the disk; restore a backup if you need what was in it.",
    ].join("\n"),
  );
}

function requireLoopbackBroker(host: string): void {
  if (isLoopback(host)) return;
  throw new FerryError(
    "not-loopback",
    `MQTT without certificates does not go to ${host}: whoever reaches it is any device`,
    {
      hint: "Leave out --insecure-loopback; devices then enrol with `ferry device invite`.",
      exitCode: EXIT.notAllowed,
    },
  );
}

function checkedBroker(text: string, { insecureLoopback }: UpOptions): string {
  if (URL.canParse(text)) {
    const { protocol, hostname } = new URL(text);
    if (protocol === "mqtts:" && hostname !== "" && insecureLoopback !== true) return text;
    if (protocol === "mqtt:" && hostname !== "") {
      if (insecureLoopback === true && isLoopback(hostname)) return text;
      throw new FerryError(
        "not-loopback",
        `MQTT without certificates is only for this machine, and on purpose: ${text}`,
        {
          hint: "Use mqtts://host:8883; on this machine, say --insecure-loopback.",
          exitCode: EXIT.notAllowed,
        },
      );
    }
  }
  throw new FerryError("usage", `${JSON.stringify(text)} is not the address of a broker`, {
    hint: "Write it like mqtts://broker.example:8883.",
    exitCode: EXIT.usage,
  });
}

function port(text: string): number {
  const value = Number(text);
  if (/^[0-9]{1,5}$/.test(text) && value <= 65_535) return value;
  throw new FerryError("usage", `${JSON.stringify(text)} is not a port`, {
    hint: "Ports are 1 to 65535; 0 lets the system choose.",
    exitCode: EXIT.usage,
  });
}
