/** A whole fleet of real processes in one folder: a controller with its broker, and agents. For the demo and the system tests. */
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { TlsCredentials } from "../../common/mqtt-link.ts";
import { runFerry } from "./ferry-commands.ts";
import {
  freePorts,
  runProgram,
  startFile,
  startProgram,
  answers,
  type Environment,
  type Finished,
  type Program,
} from "./programs.ts";
import { until } from "./until.ts";

export interface DeviceOptions {
  readonly id: string;
  readonly labels: readonly string[];
  /** Starts the agent instead, as a device's own launcher does. */
  readonly launcher?: { readonly file: string; readonly env: Environment };
}

export interface FleetOptions {
  /** Everything the fleet writes goes below it. */
  readonly directory: string;
  readonly devices: readonly DeviceOptions[];
  /** An external broker without TLS on this machine; without it the controller brings its own, with mutual TLS. */
  readonly brokerUrl?: string;
  /** More arguments for `ferry up`. */
  readonly controllerArgs?: readonly string[];
}

export interface FleetDevice {
  readonly id: string;
  readonly directory: string;
  readonly url: string;
  /** Starts the agent; resolves when its HTTP port answers. */
  readonly start: () => Promise<void>;
  readonly program: () => Program;
}

export interface Fleet extends AsyncDisposable {
  readonly home: string;
  readonly controllerUrl: string;
  readonly brokerUrl: string;
  readonly fleetId: string;
  readonly rootPin: string;
  readonly devices: readonly FleetDevice[];
  /** What a shell needs in its environment for `ferry` to find this fleet. */
  readonly environment: Environment;
  readonly ferry: (...args: string[]) => Promise<Finished>;
  /** The JSON that a command prints; throws with what it said when it fails. */
  readonly ferryJson: (...args: string[]) => Promise<unknown>;
  /** A certificate for an application of this name; undefined where the broker asks for none. */
  readonly callerTls: (name: string) => Promise<TlsCredentials | undefined>;
  /** Starts the controller; resolves when its API answers. */
  readonly startController: () => Promise<void>;
  readonly controller: () => Program;
}

const FLEET_ID = "demo";
/** A second or two; on a machine with ten programs for each of its processors, much longer. */
const READY_MS_MAX = 90_000;

/** Makes the keys and chooses ports; starts nothing. */
export async function openFleet(options: FleetOptions): Promise<Fleet> {
  mkdirSync(options.directory, { recursive: true });
  const home = join(options.directory, "controller");
  const [httpPort = 0, mqttPort = 0, enrolPort = 0, ...devicePorts] = await freePorts(3 + options.devices.length);
  const controllerUrl = `http://127.0.0.1:${String(httpPort)}`;
  const brokerUrl = options.brokerUrl ?? `mqtts://127.0.0.1:${String(mqttPort)}`;
  const environment = { FERRY_HOME: home, FERRY_CONTROLLER: controllerUrl };
  // What watches has a process of its own: the others go on beside it.
  const ferry = (...args: string[]) =>
    args.includes("--watch") ? runProgram("ferry", args, environment) : runFerry(args, environment);

  const initialised = await ferry("init", "--fleet", FLEET_ID, "-o", "json");
  if (initialised.code !== 0) throw new Error(`ferry init failed: ${initialised.stderr}`);
  const rootPin = String((JSON.parse(initialised.stdout) as { rootPin: unknown }).rootPin);

  let controller: Program | undefined;
  const startController = async () => {
    const broker =
      options.brokerUrl === undefined
        ? ["--mqtt-port", String(mqttPort), "--enrol-port", String(enrolPort)]
        : ["--broker", options.brokerUrl, "--enrol-port", String(enrolPort), "--insecure-loopback"];
    const args = ["up", "--http-port", String(httpPort), ...broker, ...(options.controllerArgs ?? [])];
    controller = startProgram("ferry", args, { env: environment, logFile: `${home}.log` });
    await untilReady(controller, `${controllerUrl}/api/v1/health`);
  };

  const ferryJson = async (...args: string[]): Promise<unknown> => {
    const { code, stdout, stderr } = await ferry(...args, "-o", "json");
    if (code !== 0) throw new Error(`ferry ${args.join(" ")} ended with ${String(code)}: ${stderr}${stdout}`);
    return JSON.parse(stdout) as unknown;
  };
  const invite = async (device: string) => {
    const invitation = (await ferryJson("device", "invite", device)) as { readonly token: unknown };
    return String(invitation.token);
  };
  const callerTls = async (name: string): Promise<TlsCredentials | undefined> => {
    if (options.brokerUrl !== undefined) return undefined;
    const out = join(options.directory, "tls", name);
    const { code, stderr } = await ferry("ca", "issue-caller", name, "--out", out);
    if (code !== 0) throw new Error(`ferry ca issue-caller failed: ${stderr}`);
    const text = (file: string) => readFileSync(join(out, file), "utf8");
    return { ca: text("ca.crt.pem"), cert: text(`${name}.crt.pem`), key: text(`${name}.key.pem`) };
  };
  const devices = options.devices.map((device, at) =>
    fleetDevice({
      device,
      directory: join(options.directory, device.id),
      port: devicePorts[at] ?? 0,
      address: options.brokerUrl === undefined ? () => invite(device.id) : () => Promise.resolve(brokerUrl),
      rootPin,
    }),
  );
  return {
    home,
    controllerUrl,
    brokerUrl,
    fleetId: FLEET_ID,
    rootPin,
    devices,
    environment,
    ferry,
    ferryJson,
    callerTls,
    startController,
    controller: () => started(controller, "the controller"),
    [Symbol.asyncDispose]: async () => {
      await Promise.all([...devices.map((device) => device[Symbol.asyncDispose]()), controller?.stop()]);
    },
  };
}

interface DevicePlan {
  readonly device: DeviceOptions;
  readonly directory: string;
  readonly port: number;
  /** What the device joins with: a token, or the address of a broker on this machine. */
  readonly address: () => Promise<string>;
  readonly rootPin: string;
}

function fleetDevice({ device, directory, port, address, rootPin }: DevicePlan): FleetDevice & AsyncDisposable {
  const url = `http://127.0.0.1:${String(port)}`;
  let program: Program | undefined;
  let joined = false;
  const joinOnce = async () => {
    if (joined) return;
    const labels = device.labels.flatMap((label) => ["--label", label]);
    const pin = ["--fleet", FLEET_ID, "--root-pin", rootPin, "--id", device.id];
    const { code, stderr } = await runProgram("ferry-agent", [
      "join",
      await address(),
      ...pin,
      ...labels,
      "--dir",
      directory,
      "--http-port",
      String(port),
    ]);
    if (code !== 0) throw new Error(`ferry-agent join failed for ${device.id}: ${stderr}`);
    joined = true;
  };
  return {
    id: device.id,
    directory,
    url,
    start: async () => {
      await joinOnce();
      const args = ["run", "--dir", directory];
      const options = { logFile: `${directory}.log` };
      const { launcher } = device;
      program =
        launcher === undefined
          ? startProgram("ferry-agent", args, options)
          : startFile(launcher.file, args, { ...options, env: launcher.env });
      await untilReady(program, `${url}/v2/health/live`);
    },
    program: () => started(program, `the agent of ${device.id}`),
    [Symbol.asyncDispose]: async () => {
      await program?.stop();
    },
  };
}

async function untilReady(program: Program, url: string): Promise<void> {
  const isAnswered = () => {
    if (!program.running()) throw new Error(`the program ended instead of answering at ${url}:\n${program.output()}`);
    return answers(url);
  };
  await until(`${url} answers`, isAnswered, { timeoutMs: READY_MS_MAX });
}

function started(program: Program | undefined, what: string): Program {
  if (program === undefined) throw new Error(`${what} has not been started`);
  return program;
}
