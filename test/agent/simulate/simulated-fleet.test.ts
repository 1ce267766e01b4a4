import t from "tap";
import { agentFolder } from "../../../agent/config.ts";
import { readInventory } from "../../../agent/hardware/inventory.ts";
import { runSimulatedFleet } from "../../../agent/simulate/simulated-fleet.ts";
import { systemClock } from "../../../common/clock.ts";
import { openLog } from "../../../common/log.ts";

t.test("devices whose folders cannot be read are tried again, and keep nobody from stopping", async (t) => {
  const directory = t.testdir();
  const stopping = new AbortController();
  const counts: number[] = [];
  const running = runSimulatedFleet(
    {
      folders: [agentFolder(`${directory}/nobody-joined-here`)],
      conduct: { failRate: 0, latencyMs: 1, bad: new Map() },
      seed: 1,
      offlineShare: 0,
      inventory: await readInventory(directory),
      share: undefined,
      onCount: (connected) => counts.push(connected),
      clock: systemClock,
      random: () => 0.5,
      log: openLog("test", "silent"),
    },
    stopping.signal,
  );
  stopping.abort();
  await running;
  t.same(counts, [], "none was ever connected");
});
