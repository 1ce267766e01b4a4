/**
 * Breaks a device, a controller and the broker between them, as a seed decides, for a while; then lets everything heal and
 * holds what the controller has against what the device gave away.
 */
import { statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openStore, type Store } from "../../../controller/store/store.ts";
import { accountStreams, type StreamAccount } from "../../../controller/telemetry/accounting.ts";
import { listGaps } from "../../../controller/telemetry/gaps.ts";
import { recountStreams } from "../../../controller/telemetry/recount.ts";
import type { DeviceId, FleetId, StreamId } from "../../../protocol/ids.ts";
import { freePorts } from "../programs.ts";
import { seededRandom } from "../seeded-random.ts";
import { until } from "../until.ts";
import type { ChaosDeviceOptions, ChaosDeviceSays } from "./chaos-device.ts";
import { beginNode, Killable } from "./killable.ts";

export interface ChaosOptions {
  readonly seed: number;
  /** Of chaos; healing comes after that. */
  readonly chaosMs: number;
  readonly directory: string;
}

export interface ChaosOutcome {
  /** What was done, in order. */
  readonly actions: readonly string[];
  readonly accounts: readonly StreamAccount[];
  /** What the device says of the stream that it uses at the end. */
  readonly device: ChaosDeviceSays;
  /** Records that no kill could take. */
  readonly taken: number;
  /** Records that were measured at most: a kill may have come before the last burst was told. */
  readonly appended: number;
  /** What became of them: in a record, or told as lost. */
  readonly measurements: number;
  readonly lost: number;
  /** Numbers in records of their own, and how many of these are there twice. */
  readonly twice: readonly number[];
  readonly miscounted: number;
}

const FLEET = "chaos" as FleetId;
const DEVICE = "d1" as DeviceId;
/** A life of the device never appends so many. */
const LIFE_NUMBERS = 1_000_000;
/** As of `chaos-device.ts`, which is a program and not imported. */
const BURST_RECORDS_MAX = 120;
const HEAL_MS_MAX = 60_000;

export async function runChaos({ seed, chaosMs, directory }: ChaosOptions): Promise<ChaosOutcome> {
  const random = seededRandom(seed);
  const [port = 0] = await freePorts(1);
  const broker = `mqtt://127.0.0.1:${String(port)}`;
  const database = join(directory, "controller.db");
  const outbox = join(directory, "outbox.db");
  const actions: string[] = [];
  const lives: { firstN: number; says: ChaosDeviceSays | undefined }[] = [];

  const processes = {
    broker: new Killable("the broker", () => beginNode("chaos-broker.ts", [String(port)])),
    controller: new Killable("the controller", () => beginNode("chaos-controller.ts", [database, broker, FLEET])),
    device: new Killable("the device", () => {
      const firstN = lives.length * LIFE_NUMBERS;
      const life: (typeof lives)[number] = { firstN, says: undefined };
      lives.push(life);
      const options: ChaosDeviceOptions = {
        outbox,
        broker,
        fleet: FLEET,
        device: DEVICE,
        seed: seed + lives.length,
        firstN,
      };
      // The device of the test writes it.
      const onLine = (line: string) => (life.says = JSON.parse(line) as ChaosDeviceSays);
      return beginNode("chaos-device.ts", [JSON.stringify(options)], onLine);
    }),
  };
  const all = Object.values(processes);
  const newest = () => lives.at(-1)?.says;

  try {
    for (const one of all) await one.start();
    const endMs = performance.now() + chaosMs;
    while (performance.now() < endMs) {
      await sleep(100 + random() * 500);
      const action = CHAOS[Math.floor(random() * CHAOS.length)];
      if (action === undefined) continue;
      actions.push(action.name);
      await action.run(processes, { outbox, random });
    }
    for (const one of all) await one.heal();
    processes.device.write("rest\n");
    await sleep(200);
    await until("the outbox is empty", () => newest()?.isDrained, { timeoutMs: HEAL_MS_MAX });
  } catch (cause) {
    throw new Error(`chaos with seed ${String(seed)} did not heal after: ${actions.join(", ")}`, { cause });
  } finally {
    for (const one of all) await one.kill();
  }
  const device = newest();
  if (device === undefined) throw new Error("the device never said anything");
  const { store } = await openStore(database);
  try {
    const taken = lives.reduce((sum, { firstN, says }) => sum + (says?.takenN ?? firstN) - firstN, 0);
    const told = lives.reduce((sum, { firstN, says }) => sum + (says?.appendedN ?? firstN) - firstN, 0);
    const appended = told + lives.length * BURST_RECORDS_MAX;
    return { actions, device, taken, appended, ...(await countStored(store, device)) };
  } finally {
    await store.destroy();
  }
}

interface Acting {
  readonly outbox: string;
  readonly random: () => number;
}

interface Processes {
  readonly broker: Killable;
  readonly controller: Killable;
  readonly device: Killable;
}

const CHAOS: readonly { readonly name: string; readonly run: (on: Processes, acting: Acting) => Promise<void> }[] = [
  { name: "kill the device", run: async ({ device }) => device.restart() },
  { name: "kill the controller", run: async ({ controller }) => controller.restart() },
  { name: "kill the broker", run: async ({ broker }) => broker.restart() },
  {
    name: "outage",
    run: async ({ broker }, { random }) => {
      broker.signal("SIGSTOP");
      await sleep(300 + random() * 2_000);
      broker.signal("SIGCONT");
    },
  },
  {
    name: "the controller is away",
    run: async ({ controller }, { random }) => {
      await controller.kill();
      await sleep(300 + random() * 2_000);
      await controller.start();
    },
  },
  {
    name: "full disk",
    run: async ({ device }, { outbox, random }) => {
      device.limitFiles(String(statSync(`${outbox}-wal`, { throwIfNoEntry: false })?.size ?? 4_096));
      await sleep(300 + random() * 1_500);
      device.limitFiles("unlimited");
    },
  },
];

async function countStored(store: Store, { stream, produced }: ChaosDeviceSays) {
  // The device's own words, as its signed report would tell them.
  const accounts = await accountStreams(store, new Map([[DEVICE, { stream: stream as StreamId, produced }]]));
  const rows = await store.selectFrom("telemetry").select(["kind", "fields_json"]).execute();
  const own = rows.flatMap(({ kind, fields_json }) => {
    const { n, records = 1 } = JSON.parse(fields_json) as { n?: number; records?: number };
    return kind === "gap" || n === undefined ? [] : [{ n, records }];
  });
  const alone = own.filter(({ records }) => records === 1).map(({ n }) => n);
  const gaps = await listGaps(store, { device: DEVICE });
  const losses = gaps.filter(({ cause }) => cause !== "rolled-up");
  return {
    accounts,
    measurements: own.reduce((sum, { records }) => sum + records, 0),
    lost: losses.reduce((sum, { count = 0, measurements = count }) => sum + measurements, 0),
    twice: alone.filter((n, at) => alone.indexOf(n) !== at),
    miscounted: (await recountStreams(store)).filter(({ excess }) => excess !== 0).length,
  };
}
