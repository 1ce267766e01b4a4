/** Many simulated agents in one process, some of them away at any time. */
import type { Clock } from "../../common/clock.ts";
import { messageOf } from "../../common/ferry-error.ts";
import type { Log } from "../../common/log.ts";
import type { AgentFolder } from "../config.ts";
import type { Inventory } from "../hardware/inventory.ts";
import type { ArchiveShare } from "./archive-share.ts";
import type { Conduct } from "./conduct.ts";
import { runSimulatedAgent } from "./simulated-agent.ts";

export interface SimulatedFleetOptions {
  readonly folders: readonly AgentFolder[];
  readonly conduct: Conduct;
  readonly seed: number;
  /** Of the time that each device is away; while it is, its agent does not run. */
  readonly offlineShare: number;
  readonly inventory: Inventory;
  readonly share: ArchiveShare | undefined;
  /** How many are connected, whenever that changes. */
  readonly onCount: (connected: number) => void;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
}

/** Devices are started within this time of each other: a broker takes some hundred TLS handshakes a second. */
const START_GAP_MS = 20;
/** A device is away for half to one and a half of it. */
const AWAY_MS = 60_000;
/** An agent that ends by itself is started again after this. */
const RESTART_MS = 5_000;

/** Resolves when all of them have ended, after the signal. */
export async function runSimulatedFleet(options: SimulatedFleetOptions, signal: AbortSignal): Promise<void> {
  const { folders, onCount, clock } = options;
  let connected = 0;
  const count = (change: number) => {
    connected += change;
    onCount(connected);
  };
  await Promise.all(
    folders.map(async (folder, at) => {
      await clock.sleep(at * START_GAP_MS, signal);
      await keepRunning(options, folder, { signal, count });
    }),
  );
}

async function keepRunning(
  options: SimulatedFleetOptions,
  folder: AgentFolder,
  { signal, count }: { readonly signal: AbortSignal; readonly count: (change: number) => void },
): Promise<void> {
  const { clock, random, offlineShare, log } = options;
  while (!signal.aborted) {
    const ending = new AbortController();
    let isConnected = false;
    const setConnected = (value: boolean) => {
      if (isConnected !== value) count(value ? 1 : -1);
      isConnected = value;
    };
    const run = runSimulatedAgent(
      {
        ...options,
        folder,
        onConnect: () => {
          setConnected(true);
        },
        onDisconnect: () => {
          setConnected(false);
        },
      },
      AbortSignal.any([signal, ending.signal]),
    );
    if (offlineShare > 0) {
      void clock.sleep(presentMs(offlineShare, random), signal).then(() => {
        ending.abort();
      });
    }
    try {
      await run;
      setConnected(false);
      await clock.sleep(AWAY_MS * (0.5 + random()), signal);
    } catch (thrown) {
      setConnected(false);
      log.error({ folder: folder.directory, error: messageOf(thrown) }, "a simulated agent ended; starting it again");
      await clock.sleep(RESTART_MS, signal);
    }
  }
}

/** So long that the time away is its share of the whole. */
function presentMs(offlineShare: number, random: () => number): number {
  return ((AWAY_MS * (1 - offlineShare)) / offlineShare) * (0.5 + random());
}
