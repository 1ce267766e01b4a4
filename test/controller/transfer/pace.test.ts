import t from "tap";
import {
  adaptPace,
  chooseSentinels,
  FIRST_PACE,
  halvePace,
  pacingSequence,
  sentinelCount,
} from "../../../controller/transfer/pace.ts";

const fast = { window: 100, framesPerSecond: 1_000, groupDelayMs: 0 };
const windows = [
  { when: "frames hardly wait", delayMs: 10, window: 125 },
  { when: "frames wait a little", delayMs: 100, window: 102 },
  { when: "frames wait so-so", delayMs: 200, window: 100 },
  { when: "frames wait long", delayMs: 400, window: 70 },
];
for (const { when, delayMs, window } of windows) {
  t.test(`the window goes from 100 to ${window} when ${when}`, async (t) => {
    const pace = adaptPace(fast, { frames: 100, elapsedMs: 100, queueDelaysMs: [delayMs, delayMs, delayMs] });
    t.equal(pace.window, window);
    t.equal(pace.groupDelayMs, delayMs);
  });
}

t.test("one slow sentinel does not make the group slow", async (t) => {
  const pace = adaptPace(fast, { frames: 100, elapsedMs: 100, queueDelaysMs: [5, 5, 5, 9_000] });
  t.equal(pace.groupDelayMs, 5);
});

t.test("the window holds at most what is dealt with in 0.6 s", async (t) => {
  const pace = adaptPace({ ...fast, framesPerSecond: 50 }, { frames: 5, elapsedMs: 100, queueDelaysMs: [0] });
  t.equal(pace.window, 30);
});

t.test("a low rate never closes the window below 16, nor a long delay below 4", async (t) => {
  let pace = FIRST_PACE;
  for (let at = 0; at < 10; at += 1) pace = adaptPace(pace, { frames: 0, elapsedMs: 100, queueDelaysMs: [0] });
  t.equal(pace.window, 16);
  for (let at = 0; at < 20; at += 1) pace = adaptPace(pace, { frames: 0, elapsedMs: 100, queueDelaysMs: [900] });
  t.equal(pace.window, 4);
  t.equal(halvePace(pace).window, 4);
});

t.test("the window never grows beyond 512", async (t) => {
  let pace = FIRST_PACE;
  for (let at = 0; at < 50; at += 1) pace = adaptPace(pace, { frames: 1_000, elapsedMs: 100, queueDelaysMs: [0] });
  t.equal(pace.window, 512);
});

t.test("two of sixteen sentinels do not set the pace, three do", async (t) => {
  const others = Array.from({ length: 14 }, () => 100);
  t.equal(pacingSequence([1, 2, ...others]), 100);
  t.equal(pacingSequence([1, 2, 3, ...others.slice(1)]), 3);
  t.equal(pacingSequence([]), undefined);
});

const counts = [
  { devices: 1, sentinels: 1 },
  { devices: 16, sentinels: 16 },
  { devices: 100, sentinels: 16 },
  { devices: 200, sentinels: 25 },
  { devices: 5_000, sentinels: 32 },
];
for (const { devices, sentinels } of counts) {
  t.test(`${devices} devices have ${sentinels} sentinels, spread over all`, async (t) => {
    t.equal(sentinelCount(devices), sentinels);
    const chosen = chooseSentinels(Array.from({ length: devices }, (_, at) => at));
    t.equal(new Set(chosen).size, sentinels);
    t.ok((chosen.at(-1) ?? -1) >= devices - Math.ceil(devices / sentinels));
  });
}
