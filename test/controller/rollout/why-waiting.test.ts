import t from "tap";
import { whyWaiting } from "../../../controller/rollout/why-waiting.ts";
import type { RolloutFacts } from "../../../controller/rollout/situation.ts";
import type { RolloutRequest } from "../../../controller/rollout/rollout-spec.ts";
import { deviceView, NOW_MS } from "../../support/device-views.ts";
import { facts, stage } from "../../support/rollout-situations.ts";

const online = deviceView("cam-1");
const stages = [stage("canary", 0.1), stage("all", 1)];
const closed = { open: false, opensAtMs: Date.parse("2026-11-22T02:00:00Z") };

const cases: readonly {
  when: string;
  changes?: Partial<RolloutFacts>;
  request?: Partial<RolloutRequest>;
  view?: typeof online;
  window?: typeof closed;
  says: RegExp;
}[] = [
  {
    when: "its stage has not come",
    request: { stages },
    says: /waits for its turn, in stage 1 of 2 \(canary\) or later/,
  },
  {
    when: "the stage takes others",
    request: {
      stages: [
        { name: "lab", take: { kind: "selector", selector: "room=lab" }, soakMs: 0, approval: "none" },
        stage("all", 1),
      ],
    },
    says: /stage 1 of 2 \(lab\) takes devices with room=lab/,
  },
  {
    when: "its stage is on and a rate holds it",
    request: { rate: { perMinute: 10, concurrent: 2 } },
    says: /10 a minute, 2 at a time/,
  },
  { when: "nothing holds it", says: /about to begin/ },
  {
    when: "the stage before soaks",
    changes: { phase: "soaking" },
    request: { stages },
    says: /stage 1 of 2 \(canary\) is soaking/,
  },
  {
    when: "the stage before waits for its gates",
    changes: { phase: "gates" },
    request: { stages },
    says: /waits for its gates/,
  },
  {
    when: "somebody must approve",
    changes: { phase: "approval" },
    request: { stages },
    says: /canary\) waits for an approval/,
  },
  { when: "the window is closed", window: closed, says: /outside the rollout's window, which opens 2026-11-22T02:00Z/ },
  { when: "the rollout is paused", changes: { state: "paused", why: "2 of 5 failed" }, says: /paused: 2 of 5 failed/ },
  { when: "the rollout was aborted", changes: { state: "aborted" }, says: /aborted before its turn/ },
  { when: "the rollout was rolled back", changes: { state: "rolled-back" }, says: /rolled back before its turn/ },
  { when: "the rollout is over", changes: { state: "completed" }, says: /no stage of the rollout takes it/ },
  {
    when: "the device is away",
    view: deviceView("cam-1", { online: false, onlineSinceMs: NOW_MS }),
    says: /offline since 2026-11-21T12:00:00Z/,
  },
];
for (const { when, changes, request, view = online, window = null, says } of cases) {
  t.test(`a device that waits says why: ${when}`, async (t) => {
    t.match(whyWaiting(facts(changes, request), view, window), says);
  });
}

t.test("one that is gone says so", async (t) => {
  t.match(whyWaiting(facts(), undefined, null), /not known any more/);
});
