import { once } from "node:events";
import t from "tap";
import type { ModelName } from "../../../protocol/ids.ts";
import { bundle } from "../../support/agent-bench.ts";
import { until } from "../../support/until.ts";
import { openWorld, type Boot } from "../../support/update-world.ts";

const digits = "digits" as ModelName;
const versionOf = ({ serving }: Boot) => serving.get(digits)?.model.version;
const phaseOf = ({ updater }: Boot) => updater.slots().find(({ slot }) => slot === digits)?.state.phase;

/** Never resolves: rejects when the signal aborts. */
async function untilAborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, "abort");
  signal.throwIfAborted();
}

t.test(
  "what answered before a restart answers again although the disk is full, and the update goes on later",
  async (t) => {
    const world = openWorld(t.testdir());
    const [one, two] = [world.wish(await bundle(t, "1.0.0")), world.wish(await bundle(t, "1.1.0"))];
    {
      await using boot = await world.boot();
      await boot.updater.apply(world.deployment(one));
      await until("1.0.0 is committed", () => phaseOf(boot) === "committed");
    }
    {
      // The archive never comes: the restart finds the slot in the middle of an update.
      await using boot = await world.boot({ hold: (_, signal) => untilAborted(signal) });
      await boot.updater.apply(world.deployment(two));
      t.equal(phaseOf(boot), "transferring");
    }
    let isFull = true;
    await using boot = await world.boot({ isFull: () => isFull });
    await boot.updater.restored;
    t.equal(versionOf(boot), "1.0.0");
    await boot.updater.apply(world.deployment(two));
    t.equal(versionOf(boot), "1.0.0");
    isFull = false;
    await until("1.1.0 is committed", () => phaseOf(boot) === "committed" && versionOf(boot) === "1.1.0");
  },
);
