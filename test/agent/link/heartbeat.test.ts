import t, { type Test } from "tap";
import { openLog } from "../../../common/log.ts";
import { createHeartbeat } from "../../../agent/link/heartbeat.ts";
import { virtualClock } from "../../support/virtual-clock.ts";

function begin(t: Test, random: () => number, say: () => Promise<void> = () => Promise.resolve()) {
  const clock = virtualClock();
  const said: number[] = [];
  const stop = new AbortController();
  const heartbeat = createHeartbeat({
    say: () => {
      said.push(clock.monotonicMs());
      return say();
    },
    heartbeatMs: () => 30_000,
    clock,
    random,
    log: openLog("test", "silent"),
  });
  const running = heartbeat.run(stop.signal);
  t.teardown(async () => {
    stop.abort();
    await running;
  });
  return { clock, heartbeat, said };
}

t.test("it comes at a steady pace, never later than announced, and not at the same moment everywhere", async (t) => {
  const steady = begin(t, () => 0);
  await steady.clock.advance(90_000);
  t.strictSame(steady.said, [0, 30_000, 60_000, 90_000]);
  const early = begin(t, () => 1);
  await early.clock.advance(60_000);
  t.strictSame(early.said, [0, 24_000, 48_000]);
});

t.test("a change is said at once, several in one moment together", async (t) => {
  const { clock, heartbeat, said } = begin(t, () => 0);
  await clock.advance(5_000);
  heartbeat.sayNow();
  await clock.advance(50);
  heartbeat.sayNow();
  heartbeat.sayNow();
  await clock.advance(1_000);
  t.strictSame(said, [0, 5_000, 5_200]);
});

t.test("a report that cannot be sent does not end the heartbeat", async (t) => {
  const { clock, said } = begin(
    t,
    () => 0,
    () => Promise.reject(new Error("offline")),
  );
  await clock.advance(30_000);
  t.strictSame(said, [0, 30_000]);
});
