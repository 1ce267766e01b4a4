import t from "tap";
import { stageTimeline, type TimelineRequest, type TimelineStage } from "../../../controller/rollout/stage-timeline.ts";

const MINUTE = 60_000;
const stage = (
  name: string,
  deviceMs: TimelineStage["deviceMs"],
  changes: Partial<TimelineStage> = {},
): TimelineStage => ({
  name,
  deviceMs,
  soakMs: 0,
  needsApproval: false,
  ...changes,
});
const request = (stages: readonly TimelineStage[], changes: Partial<TimelineRequest> = {}): TimelineRequest => ({
  stages,
  startMs: 0,
  concurrent: null,
  perMinute: null,
  openAtMs: (ms) => ms,
  ...changes,
});

t.test("a stage is over when its slowest device is done and the soak has passed; then the next begins", async (t) => {
  const stages = [stage("canary", [MINUTE, 3 * MINUTE], { soakMs: 10 * MINUTE }), stage("rest", [2 * MINUTE])];
  t.match(stageTimeline(request(stages)), [
    { startMs: 0, deployedMs: 3 * MINUTE, finishMs: 13 * MINUTE },
    { startMs: 13 * MINUTE, deployedMs: 15 * MINUTE, finishMs: 15 * MINUTE },
  ]);
});

t.test("devices wait for a place where only so many may be on their way", async (t) => {
  const stages = [stage("all", [MINUTE, MINUTE, MINUTE, MINUTE, MINUTE])];
  t.match(stageTimeline(request(stages, { concurrent: 2 })), [{ deployedMs: 3 * MINUTE }]);
});

t.test("a rate spaces the beginnings", async (t) => {
  const stages = [
    stage(
      "all",
      Array.from({ length: 11 }, () => 1_000),
    ),
  ];
  t.match(stageTimeline(request(stages, { perMinute: 10 })), [{ deployedMs: MINUTE + 1_000 }]);
});

t.test("what does not begin inside the window begins in the next one", async (t) => {
  // Open for the first ten minutes of each hour.
  const openAtMs = (ms: number) =>
    ms % (60 * MINUTE) < 10 * MINUTE ? ms : (Math.floor(ms / (60 * MINUTE)) + 1) * 60 * MINUTE;
  const stages = [stage("all", [8 * MINUTE, 8 * MINUTE, 8 * MINUTE])];
  t.match(stageTimeline(request(stages, { concurrent: 1, openAtMs, startMs: 20 * MINUTE })), [
    { startMs: 60 * MINUTE, deployedMs: 128 * MINUTE },
  ]);
});

t.test("devices of which nobody can tell are counted, and left out of the times", async (t) => {
  t.match(stageTimeline(request([stage("all", [undefined, MINUTE, undefined])])), [
    { deployedMs: MINUTE, unknownDevices: 2 },
  ]);
  t.match(stageTimeline(request([stage("empty", [])])), [{ startMs: 0, finishMs: 0, unknownDevices: 0 }]);
});

t.test("a hundred thousand devices in hundreds of lanes are no strain", async (t) => {
  const stages = [
    stage(
      "all",
      Array.from({ length: 100_000 }, () => 1_000),
    ),
  ];
  t.match(stageTimeline(request(stages, { concurrent: 100 })), [{ deployedMs: 1_000_000 }]);
});
