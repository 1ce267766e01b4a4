/**
 * Breaks a whole fleet, as a seed decides, for a while: the programs as people run them, `ferry up` and `ferry-agent run`, and
 * a broker of its own process between them. Then everything heals, ends without a warning, and what the controller's database
 * has is held against what the devices' outboxes gave away.
 */
import { cpSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { viewOutbox } from "../../../agent/telemetry/outbox-view.ts";
import { agentFolder } from "../../../agent/config.ts";
import { controllerPaths } from "../../../controller/config.ts";
import { openFleet, type Fleet, type FleetDevice } from "../fleet.ts";
import { freePorts } from "../programs.ts";
import { seededRandom } from "../seeded-random.ts";
import { until } from "../until.ts";
import { openDoubler } from "./doubler.ts";
import { countFleet, type FleetCounts } from "./fleet-counts.ts";
import { limitFiles, type Killable } from "./killable.ts";
import { killableBroker } from "./killable-broker.ts";
import { startAsking } from "./restless-asker.ts";

export interface FleetChaosOptions {
  readonly seed: number;
  /** Of chaos; starting comes before that, and healing after. */
  readonly chaosMs: number;
  readonly devices: number;
  /** Whether the devices serve a model, and are asked all the time. */
  readonly isServing: boolean;
  readonly directory: string;
}

export interface FleetChaosOutcome extends FleetCounts {
  /** What was done, in order. */
  readonly actions: readonly string[];
  /** Batches that were said a second time, some of them late. */
  readonly doubled: number;
  /** By device: how often its agent was started, and came to answer. */
  readonly starts: ReadonlyMap<string, number>;
  /** By device: requests that were answered, and that may have been. */
  readonly asked: ReadonlyMap<string, number>;
}

const DIGITS = new URL("../../../examples/digits/v1.0.0", import.meta.url).pathname;
/** A device that found no broker for a while looks for it every half minute. */
const HEAL_MS_MAX = 90_000;

interface Acting {
  readonly fleet: Fleet;
  readonly broker: Killable;
  readonly device: FleetDevice;
  readonly startDevice: (device: FleetDevice) => Promise<void>;
  readonly random: () => number;
}

type Action = (acting: Acting) => Promise<void>;

export async function runFleetChaos(options: FleetChaosOptions): Promise<FleetChaosOutcome> {
  const { seed, chaosMs, directory } = options;
  // The test runner gives its hooks to every child, and they make a file's limit fatal.
  delete process.env["NODE_OPTIONS"];
  const random = seededRandom(seed);
  const [port = 0] = await freePorts(1);
  const brokerUrl = `mqtt://127.0.0.1:${String(port)}`;
  const broker = killableBroker(port, directory);
  const actions: string[] = [];
  const starts = new Map<string, number>();
  await using fleet = await openFleet({
    directory: join(directory, "fleet"),
    devices: Array.from({ length: options.devices }, (_, at) => ({ id: `cam-${String(at + 1)}`, labels: [] })),
    brokerUrl,
  });
  const startDevice = async (device: FleetDevice) => {
    await device.start();
    starts.set(device.id, (starts.get(device.id) ?? 0) + 1);
  };
  try {
    await broker.start();
    await fleet.startController();
    await Promise.all(fleet.devices.map(startDevice));
    if (options.isServing) await serveDigits(fleet, directory);
    await using doubler = openDoubler(brokerUrl, seededRandom(seed + 1));
    const askers = options.isServing ? fleet.devices.map(({ id, url }) => ({ id, ...startAsking(url) })) : [];
    const endMs = performance.now() + chaosMs;
    while (performance.now() < endMs) {
      await sleep(200 + random() * 1_500);
      const [name, act] = ACTIONS[Math.floor(random() * ACTIONS.length)] ?? FIRST;
      const device = fleet.devices[Math.floor(random() * fleet.devices.length)];
      if (device === undefined) throw new Error("there is a device");
      actions.push(name);
      await act({ fleet, broker, device, startDevice, random });
    }
    // So that everyone looks for everyone at once, and not when its patience says so.
    actions.push("kill everything");
    await killAll(fleet, broker);
    await broker.start();
    await Promise.all([fleet.startController(), ...fleet.devices.map(startDevice)]);
    await until("every outbox is empty", () => fleet.devices.every(isDrained), { timeoutMs: HEAL_MS_MAX });
    const asked = new Map<string, number>();
    for (const { id, stop } of askers) asked.set(id, await stop());
    await killAll(fleet, broker);
    const outboxes = fleet.devices.map(({ id, directory: folder }) => ({ id, path: agentFolder(folder).telemetry }));
    const counts = await countFleet(controllerPaths(fleet.home).database, outboxes);
    return { actions, doubled: doubler.doubled(), starts, asked, ...counts };
  } catch (cause) {
    throw new Error(`chaos of a fleet with seed ${String(seed)} did not heal after: ${actions.join(", ")}`, { cause });
  } finally {
    await broker.kill();
  }
}

async function serveDigits(fleet: Fleet, directory: string): Promise<void> {
  const folder = join(directory, "digits");
  cpSync(DIGITS, folder, { recursive: true });
  for (const command of [
    ["bundle", "sign", folder],
    ["bundle", "push", folder],
    ["rollout", "create", "digits@1.0.0", "--all", "--yes", "--watch", "--timeout", "120s"],
  ]) {
    const { code, stdout, stderr } = await fleet.ferry(...command);
    if (code !== 0) throw new Error(`ferry ${command.join(" ")}: ${stdout}${stderr}`);
  }
}

async function killAll(fleet: Fleet, broker: Killable): Promise<void> {
  const programs = [fleet.controller(), ...fleet.devices.map((device) => device.program())];
  await Promise.all([broker.kill(), ...programs.map((program) => program.stop("SIGKILL"))]);
}

function isDrained({ directory }: FleetDevice): boolean {
  const { streams } = viewOutbox(agentFolder(directory).telemetry);
  return streams.length === 1 && streams[0]?.pending === 0;
}

const FIRST: readonly [string, Action] = [
  "kill an agent",
  async ({ device, startDevice, random }) => {
    await device.program().stop("SIGKILL");
    await sleep(random() * 500);
    await startDevice(device);
  },
];

const ACTIONS: readonly (readonly [string, Action])[] = [
  FIRST,
  [
    "kill the controller",
    async ({ fleet, random }) => {
      await fleet.controller().stop("SIGKILL");
      await sleep(random() * 1_500);
      await fleet.startController();
    },
  ],
  ["kill the broker", async ({ broker }) => broker.restart()],
  [
    "kill agent and controller at once",
    async ({ fleet, device, startDevice }) => {
      await Promise.all([fleet.controller().stop("SIGKILL"), device.program().stop("SIGKILL")]);
      await Promise.all([fleet.startController(), startDevice(device)]);
    },
  ],
  [
    "outage",
    async ({ broker, random }) => {
      broker.signal("SIGSTOP");
      await sleep(300 + random() * 3_000);
      broker.signal("SIGCONT");
    },
  ],
  // Longer than a device waits for an acknowledgement: it says everything again.
  ["the controller stands still", async ({ fleet, random }) => standStill(fleet.controller().pid, 3_000 * random())],
  ["an agent stands still", async ({ device, random }) => standStill(device.program().pid, 3_000 * random())],
  [
    "full disk of a device",
    async ({ device, random }) => {
      const { telemetry } = agentFolder(device.directory);
      await fillDisk(device.program().pid, telemetry, 300 + random() * 2_500);
    },
  ],
  [
    "full disk of the controller",
    async ({ fleet, random }) => {
      await fillDisk(fleet.controller().pid, controllerPaths(fleet.home).database, 300 + random() * 2_500);
    },
  ],
];

async function standStill(pid: number, forMs: number): Promise<void> {
  process.kill(pid, "SIGSTOP");
  await sleep(forMs + 2_000);
  process.kill(pid, "SIGCONT");
}

/** No file of the program may grow beyond its database's journal. */
async function fillDisk(pid: number, database: string, forMs: number): Promise<void> {
  limitFiles(pid, String(statSync(`${database}-wal`, { throwIfNoEntry: false })?.size ?? 4_096));
  await sleep(forMs);
  limitFiles(pid, "unlimited");
}
