import { readFile, writeFile } from "node:fs/promises";
import t, { type Test } from "tap";
import { openDataUse, type DataUsePorts } from "../../../agent/telemetry/data-use.ts";
import { systemClock } from "../../../common/clock.ts";
import { quietLog } from "../../support/telemetry-pipe.ts";

const MB = 1e6;
const nov = (day: number) => Date.UTC(2026, 10, day);

/** A device whose link and whose clock are the test's. */
function device(t: Test, plan: DataUsePorts["plan"] = { isMetered: false, budgetBytes: 100 * MB }) {
  const world = { sentBytes: 0, receivedBytes: 0, nowMs: nov(1) as number | undefined };
  const path = `${t.testdir({})}/data-use.json`;
  const start = () => {
    Object.assign(world, { sentBytes: 0, receivedBytes: 0 });
    const ports = { path, plan, traffic: () => world, trustedNowMs: () => world.nowMs };
    return openDataUse({ ...ports, clock: systemClock, log: quietLog });
  };
  return { world, path, start };
}

t.test("both ways count, over restarts, and decide how finely measurements are told", async (t) => {
  const { world, start } = device(t);
  {
    await using use = await start();
    Object.assign(world, { sentBytes: 40 * MB, receivedBytes: 2 * MB, nowMs: nov(16) });
    t.match(use.status(), { sentBytes: 40 * MB, receivedBytes: 2 * MB, detail: "raw" });
  }
  await using use = await start();
  world.sentBytes = 20 * MB;
  t.match(use.status(), { sentBytes: 60 * MB, receivedBytes: 2 * MB, detail: "roll-up" });
});

t.test("a month ends by trusted time alone", async (t) => {
  const { world, start } = device(t);
  await using use = await start();
  world.sentBytes = 95 * MB;
  t.match(use.status(), { detail: "counters" });
  world.nowMs = undefined;
  t.match(use.status(), { sentBytes: 95 * MB });
  world.nowMs = Date.UTC(2026, 11, 1);
  world.sentBytes += 100;
  t.match(use.status(), { sentBytes: 100, detail: "raw" });
});

t.test("a clock that steps back refills nothing", async (t) => {
  const { world, start } = device(t);
  await using use = await start();
  world.sentBytes = 95 * MB;
  use.status();
  world.nowMs = Date.UTC(2026, 9, 20);
  t.match(use.status(), { sentBytes: 95 * MB });
});

t.test("what is sent before anybody told the time counts for the month in which it is told", async (t) => {
  const { world, start } = device(t);
  world.nowMs = undefined;
  await using use = await start();
  world.sentBytes = 7;
  t.match(use.status(), { sentBytes: 7 });
  world.nowMs = nov(3);
  world.sentBytes = 9;
  t.match(use.status(), { sentBytes: 9 });
});

t.test("a damaged file counts from 0, and is whole again at the end", async (t) => {
  const { world, path, start } = device(t);
  await writeFile(path, '{"sentBytes": -3');
  {
    await using use = await start();
    t.match(use.status(), { sentBytes: 0 });
    world.sentBytes = 5;
  }
  t.match(JSON.parse(await readFile(path, "utf8")), { sentBytes: 5, receivedBytes: 0 });
});
