import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { readDigits } from "../../test/support/digits.ts";
import { openFleet } from "../../test/support/fleet.ts";
import { prepareCanary, tellCanary } from "./canary-chapter.ts";
import {
  prepareBadBundles,
  prepareLargeBundle,
  tellBadBundles,
  tellBrokerOutage,
  tellKilledAgent,
} from "./hardship-chapters.ts";
import { Preparations } from "./preparations.ts";
import { prepareSwap, tellJoining, tellFirstModel, tellHotSwap, tellReport } from "./serving-chapters.ts";
import { openTeller, StepFailed, type Teller } from "./teller.ts";

const USAGE = `scripts/demo [--headless]

  --headless   check each step, print one line a step, stop everything at the end; exits 0 only if all held
`;

const DEVICES = [
  { id: "camera-oslo-1", labels: ["site=oslo", "kind=camera"] },
  { id: "camera-oslo-2", labels: ["site=oslo", "kind=camera"] },
  { id: "gateway-bergen", labels: ["site=bergen", "kind=gateway"] },
];

async function main(): Promise<number> {
  const options = {
    headless: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  } as const;
  const { values } = parseArgs({ options });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const startedMs = performance.now();
  const directory = mkdtempSync(join(tmpdir(), "modelferry-demo-"));
  const teller = openTeller();
  let held = true;
  try {
    await using fleet = await openFleet({ directory, devices: DEVICES });
    const story = { fleet, teller, digits: readDigits(), directory, prepared: new Preparations() };
    await tellJoining(story);
    await tellFirstModel(story, () => {
      for (const prepare of [prepareSwap, prepareBadBundles, prepareCanary, prepareLargeBundle]) prepare(story);
    });
    await tellHotSwap(story);
    await tellBadBundles(story);
    await tellCanary(story);
    await tellBrokerOutage(story);
    await tellKilledAgent(story);
    await tellReport(story);
    if (!values.headless) await leaveRunning(teller, fleet);
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error;
    held = false;
    teller.say(`What the programs said: ${directory}/*.log`);
  }
  const seconds = ((performance.now() - startedMs) / 1_000).toFixed(0);
  console.log(`${held ? "All" : "Not all"} steps held: ${String(teller.stepsTold())} steps in ${seconds} s`);
  if (held) rmSync(directory, { recursive: true, force: true });
  return held ? 0 : 1;
}

/** Until Ctrl-C. */
async function leaveRunning(teller: Teller, fleet: Awaited<ReturnType<typeof openFleet>>): Promise<void> {
  const [device] = fleet.devices;
  teller.say(`
The fleet is running. In another terminal:

  export FERRY_HOME=${fleet.home} FERRY_CONTROLLER=${fleet.controllerUrl}
  scripts/ferry device list
  scripts/ferry report fleet
  scripts/ferry rollout list
  scripts/ferry telemetry tail --follow
  curl ${device?.url ?? ""}/v2/models/digits

Ctrl-C stops everything and removes ${fleet.home.replace(/\/controller$/, "")}.`);
  await new Promise<void>((resolve) => {
    process.once("SIGINT", resolve);
    process.once("SIGTERM", resolve);
  });
}

// Load that a failed step left running must not keep the story from its end.
process.exit(await main());
