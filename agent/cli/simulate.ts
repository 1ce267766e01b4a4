/** `ferry-agent simulate`: many devices in one process, for load tests and for playing with rollouts. */
import { access, readFile } from "node:fs/promises";
import { join as joinPath } from "node:path";
import { systemClock } from "../../common/clock.ts";
import { EXIT, FerryError, type ExitCode } from "../../common/ferry-error.ts";
import { openLog } from "../../common/log.ts";
import { agentFolder, type AgentFolder } from "../config.ts";
import { readInventory } from "../hardware/inventory.ts";
import { openArchiveShare } from "../simulate/archive-share.ts";
import { chanceOf, parseBad, type Conduct } from "../simulate/conduct.ts";
import { runSimulatedFleet } from "../simulate/simulated-fleet.ts";
import { join } from "./join.ts";

export interface SimulateOptions {
  readonly count: number;
  readonly dir: string;
  readonly rootPin?: string;
  readonly broker?: string;
  readonly fleet?: string;
  readonly tokens?: string;
  readonly prefix: string;
  readonly label: readonly string[];
  readonly seed: number;
  readonly failRate: number;
  readonly latency: number;
  readonly offlineShare: number;
  readonly bad: readonly string[];
  readonly transfer: boolean;
}

/** Sites that simulated devices are at, so that selectors have something to select. */
const SITES = ["oslo", "bergen", "trondheim", "tromso"] as const;
/** Devices that join at the same time. */
const JOINS_AT_ONCE = 8;
/** How often the number of connected devices is told, where it has changed. */
const TELL_MS = 2_000;

/** Resolves when it has been told to stop and all devices have ended. `say` is for progress. Throws FerryError. */
export async function simulate(options: SimulateOptions, say: (text: string) => void): Promise<ExitCode> {
  const log = openLog("ferry-agent simulate", process.env["FERRY_LOG"] ?? "error");
  const stopping = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      stopping.abort();
    });
  }
  const conduct: Conduct = {
    failRate: options.failRate,
    latencyMs: options.latency,
    bad: new Map(options.bad.map(parseBad)),
  };
  const folders = await joinAll(options, say);
  say(
    `${folders.length} devices below ${options.dir}. Real: their keys, databases, connections, signed reports, transfer` +
      `${options.transfer ? "" : " (each archive once for all of them)"}, verification and updates. ` +
      "Simulated: runners, requests and their outcomes; no predictions, no hardware telemetry.",
  );
  await runSimulatedFleet(
    {
      folders,
      conduct,
      seed: options.seed,
      offlineShare: options.offlineShare,
      inventory: await readInventory(options.dir),
      share: options.transfer ? undefined : await openArchiveShare(joinPath(options.dir, "archives")),
      onCount: counter(folders.length, say, stopping.signal),
      clock: systemClock,
      random: Math.random,
      log,
    },
    stopping.signal,
  );
  return EXIT.ok;
}

function counter(count: number, say: (text: string) => void, signal: AbortSignal): (connected: number) => void {
  let newest = 0;
  let isDue = false;
  return (connected) => {
    newest = connected;
    if (isDue || signal.aborted) return;
    isDue = true;
    void systemClock.sleep(TELL_MS, signal).then(() => {
      isDue = false;
      if (!signal.aborted) say(`${newest} of ${count} connected`);
    });
  };
}

/** Those that have joined before go on as they are. */
async function joinAll(options: SimulateOptions, say: (text: string) => void): Promise<readonly AgentFolder[]> {
  const addresses = await addressesOf(options);
  const all = addresses.map((address, at) => ({ address, at, folder: folderOf(options, at) }));
  const isNew = await Promise.all(all.map(async ({ folder }) => !(await exists(folder.config))));
  const joining = all.filter((_, at) => isNew[at]);
  if (joining.length > 0) say(`${joining.length} devices join …`);
  async function worker(): Promise<void> {
    for (let one = joining.shift(); one !== undefined; one = joining.shift()) await joinOne(options, one);
  }
  await Promise.all(Array.from({ length: JOINS_AT_ONCE }, worker));
  return all.map(({ folder }) => folder);
}

interface Joining {
  readonly address: string | undefined;
  readonly at: number;
  readonly folder: AgentFolder;
}

async function joinOne(options: SimulateOptions, { address, at, folder }: Joining): Promise<void> {
  const { rootPin, fleet, seed } = options;
  if (rootPin === undefined || address === undefined) {
    throw new FerryError("usage", `The device ${nameOf(options, at)} has not joined yet`, {
      hint: "Say --root-pin, and --broker with --fleet (after `ferry up --insecure-loopback`) or --tokens.",
      exitCode: EXIT.usage,
    });
  }
  const site = SITES[Math.floor(chanceOf(seed, `site ${at}`) * SITES.length)] ?? SITES[0];
  await join(address, {
    rootPin,
    ...(options.tokens === undefined ? { id: nameOf(options, at), ...(fleet === undefined ? {} : { fleet }) } : {}),
    label: [`site=${site}`, "simulated=yes", ...options.label],
    dir: folder.directory,
    httpPort: 0,
    httpHost: "127.0.0.1",
  });
}

/** What each device joins with: the broker, or a token of its own. */
async function addressesOf({ tokens, broker, count }: SimulateOptions): Promise<readonly (string | undefined)[]> {
  if (tokens === undefined) return Array.from({ length: count }, () => broker);
  const lines = (await readTokens(tokens)).split("\n").map((line) => line.trim());
  const found = lines.filter((line) => line !== "");
  if (found.length >= count) return found.slice(0, count);
  throw new FerryError("usage", `${tokens} has ${found.length} tokens, and ${count} devices are to join`, {
    hint: "One line for each device, as `ferry device invite` prints them; or a smaller --count.",
    exitCode: EXIT.usage,
  });
}

async function readTokens(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new FerryError("not-found", `Cannot read the tokens in ${path}`, {
      hint: "Name a file with one join token on each line.",
      exitCode: EXIT.notFound,
      cause,
    });
  }
}

function nameOf({ prefix }: SimulateOptions, at: number): string {
  return `${prefix}-${String(at + 1).padStart(4, "0")}`;
}

function folderOf(options: SimulateOptions, at: number): AgentFolder {
  return agentFolder(joinPath(options.dir, nameOf(options, at)));
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
