/** Seeds shared out among worker threads; a line for each, then what came of all of them. */
import { once } from "node:events";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { STORIES } from "../../test/simulation/scenarios.ts";
import { replay } from "./replay.ts";
import { workName, type Played, type Work } from "./work.ts";

const HELP = `scripts/simulate [options]
  --devices N    devices in each run (default 1000)
  --seeds N      runs, stories in turn (default 50)
  --from N       the first seed (default 1)
  --story NAME   only this one: ${[...STORIES.keys()].join(", ")}
  --jobs N       runs at a time (default: one for each processor)
  --seed N       play this seed alone, and make it smaller if it breaks a promise
  --trace        with --seed: print what happens`;

const { values } = parseArgs({
  options: {
    devices: { type: "string", default: "1000" },
    seeds: { type: "string", default: "50" },
    from: { type: "string", default: "1" },
    story: { type: "string" },
    jobs: { type: "string", default: String(availableParallelism()) },
    seed: { type: "string" },
    trace: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

function wholeNumber(name: "devices" | "seeds" | "from" | "jobs" | "seed"): number {
  const number = Number(values[name]);
  if (!Number.isSafeInteger(number) || number < 1) {
    console.error(`--${name} ${values[name] ?? ""}: a whole number from 1 on is wanted`);
    process.exit(2);
  }
  return number;
}

function storyOf(seed: number): string {
  const names = [...STORIES.keys()];
  return values.story ?? names[seed % names.length] ?? "staged";
}

async function playAll(works: Work[], jobs: number): Promise<readonly Played[]> {
  const played: Played[] = [];
  async function worker(): Promise<void> {
    const thread = new Worker(new URL("./worker-main.ts", import.meta.url));
    try {
      for (let work = works.shift(); work !== undefined; work = works.shift()) {
        thread.postMessage(work);
        const [one] = (await once(thread, "message")) as [Played];
        played.push(one);
        console.log(lineOf(one));
      }
    } finally {
      await thread.terminate();
    }
  }
  await Promise.all(Array.from({ length: jobs }, worker));
  return played;
}

function lineOf({ work, broken, states, events, saves, ms }: Played): string {
  const ended = broken ?? `ok  ${states.join(", ")}`;
  const cost = `${events.toLocaleString("en")} events, ${saves.toLocaleString("en")} writes, ${(ms / 1_000).toFixed(1)} s`;
  return `${workName(work).padEnd(22)} ${cost.padEnd(44)} ${ended}`;
}

function summarize(played: readonly Played[], devices: number): void {
  const failed = played.filter(({ broken }) => broken !== undefined);
  const sum = (of: (one: Played) => number) => played.reduce((total, one) => total + of(one), 0).toLocaleString("en");
  console.log(
    `${String(played.length)} runs of ${String(devices)} devices: ${sum(({ events }) => events)} events, ` +
      `${sum(({ saves }) => saves)} writes of state; ${String(failed.length)} broke a promise`,
  );
  for (const { work } of failed) {
    console.log(`  scripts/simulate --devices ${String(devices)} --story ${work.story} --seed ${String(work.seed)}`);
  }
  process.exitCode = failed.length === 0 ? 0 : 1;
}

if (values.help) {
  console.log(HELP);
} else if (values.story !== undefined && !STORIES.has(values.story)) {
  console.error(`--story ${values.story}: there are ${[...STORIES.keys()].join(", ")}`);
  process.exitCode = 2;
} else if (values.seed !== undefined) {
  const seed = wholeNumber("seed");
  replay({ story: storyOf(seed), seed, devices: wholeNumber("devices") }, values.trace);
} else {
  const devices = wholeNumber("devices");
  const works = Array.from({ length: wholeNumber("seeds") }, (_, at): Work => {
    const seed = wholeNumber("from") + at;
    return { story: storyOf(seed), seed, devices };
  });
  summarize(await playAll(works, Math.min(wholeNumber("jobs"), works.length)), devices);
}
