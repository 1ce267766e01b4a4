import t from "tap";
import { planStages } from "../../../controller/rollout/plan-stages.ts";
import type { RolloutStage, StageTake } from "../../../controller/rollout/rollout-spec.ts";
import { parseSelector } from "../../../controller/fleet/selector.ts";
import { deviceView } from "../../support/device-views.ts";

const stage = (take: StageTake): RolloutStage => ({ name: "stage", take, soakMs: 0, approval: "none" });
const share = (value: number, min = 0) => stage({ kind: "share", share: value, min });
const fleet = Array.from({ length: 20 }, (_, at) =>
  deviceView(`cam-${String(at)}`, { labels: { site: at < 5 ? "bergen" : "oslo" } }),
);

function counts(stages: readonly RolloutStage[], devices = fleet): readonly number[] {
  const selectors = stages.map(({ take }) => (take.kind === "selector" ? parseSelector(take.selector) : null));
  const planned = [...planStages(stages, devices, { rollout: 7, selectors }).values()];
  return stages.map((_, at) => planned.filter((one) => one === at).length);
}

t.test("shares and counts are of all devices that can be reached, those of earlier stages included", async (t) => {
  t.same(counts([share(0.05, 2), share(0.25), share(1)]), [2, 3, 15]);
  t.same(counts([stage({ kind: "count", count: 3 }), share(1)]), [3, 17]);
});

t.test("a stage by selector takes whoever matches and is still there", async (t) => {
  t.same(counts([stage({ kind: "selector", selector: "site=bergen" }), share(1)]), [5, 15]);
});

t.test("a device that is away belongs to no stage yet", async (t) => {
  const devices = fleet.map((device, at) => (at < 10 ? { ...device, online: false } : device));
  t.same(counts([share(0.5), share(1)], devices), [5, 5]);
  t.equal(planStages([share(1)], devices, { rollout: 7, selectors: [null] }).size, 10);
});

t.test("another rollout has other canaries", async (t) => {
  const canaries = (rollout: number) =>
    [...planStages([share(0.1), share(1)], fleet, { rollout, selectors: [null, null] })]
      .filter(([, at]) => at === 0)
      .map(([id]) => id)
      .join();
  t.equal(new Set(Array.from({ length: 10 }, (_, at) => canaries(at))).size > 3, true);
  t.equal(canaries(3), canaries(3));
});
