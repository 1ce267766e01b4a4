import t from "tap";
import { completeSpec } from "../../../controller/rollout/complete-spec.ts";
import type { RolloutRequest, RolloutStage } from "../../../controller/rollout/rollout-spec.ts";
import { specMistakes } from "../../../controller/rollout/spec-mistakes.ts";
import { AGENT_NAME } from "../../../protocol/bundle/agent-part.ts";
import type { DeviceId, ModelName, ModelVersion } from "../../../protocol/ids.ts";

const request: RolloutRequest = { model: "digits" as ModelName, version: "1.0.0" as ModelVersion };

function stage(take: RolloutStage["take"], name: string): RolloutStage {
  return { name, take, soakMs: 0, approval: "none" };
}
const share = (amount: number, name = `${amount}`) => stage({ kind: "share", share: amount, min: 1 }, name);
const count = (amount: number) => stage({ kind: "count", count: amount }, `${amount} devices`);
const matching = (selector: string) => stage({ kind: "selector", selector }, selector);

const wrong: readonly (readonly [what: string, change: Partial<RolloutRequest>, place: string, says: RegExp])[] = [
  [
    "shares that do not grow",
    { stages: [share(0.5), share(0.5, "again"), share(1)] },
    "stages.1.take",
    /50% is not more/,
  ],
  ["counts that do not grow", { stages: [count(10), count(5), share(1)] }, "stages.1.take", /5 is not more than 10/],
  ["a stage of nothing", { stages: [share(0), share(1)] }, "stages.0.take", /0% takes no device/],
  ["a last stage of a part", { stages: [share(0.25)] }, "stages.0.take", /takes 25%, so the rest/],
  ["a last stage by number", { stages: [count(5)] }, "stages.0.take", /takes a number of devices, so the rest/],
  [
    "a last stage by selector",
    { stages: [matching("lab")] },
    "stages.0.take",
    /takes the devices that match, so the rest/,
  ],
  ["a selector of a stage", { stages: [matching("a in"), share(1)] }, "stages.0.take.selector", /expected `\(`/],
  ["two stages of one name", { stages: [share(0.5, "a"), share(1, "a")] }, "stages.1.name", /a stage "a" before/],
  ["a selector and devices", { selector: "", devices: ["a" as DeviceId] }, "devices", /not both/],
  ["following devices by id", { devices: ["a" as DeviceId], follow: true }, "follow", /give a selector/],
  ["a selector", { selector: "site=" }, "selector", /expected a label value/],
  ["a gate that nothing measures", { gates: [{ metric: "drift_ks", max: 1 }] }, "gates.0", /no metric "drift_ks"/],
  ["a gate without a limit", { gates: [{ metric: "crashes" }] }, "gates.0", /no limit/],
  [
    "an abort that cannot be",
    { abort: { failedShareMax: 1, devicesMin: 1, then: "pause" } },
    "abort.failedShareMax",
    /never/,
  ],
  [
    "a split without time",
    { mode: { kind: "split", share: 0.1 }, deviceSoakMs: 0 },
    "deviceSoakMs",
    /split: 10% is what happens while a device soaks/,
  ],
  [
    "a shadow longer than a try",
    { mode: { kind: "shadow", share: 1 }, deviceSoakMs: 3_600_000, deploymentMsMax: 1_800_000 },
    "deploymentMsMax",
    /soaks for 1h, and one try may take only 30m/,
  ],
  [
    "a split of the agent",
    { model: AGENT_NAME, mode: { kind: "split", share: 0.1 } },
    "mode",
    /is for models: an agent answers no requests/,
  ],
  ["a gate of the agent", { model: AGENT_NAME, gates: [{ metric: "crashes", max: 2 }] }, "gates", /are for models/],
  ["a zone", { window: { cron: "0 2 * * *", durationMs: 60_000, timezone: "Oslo" } }, "window.timezone", /"Oslo"/],
];
for (const [what, change, place, says] of wrong) {
  t.test(`${what}: refused at ${place}`, async (t) => {
    const mistakes = specMistakes(completeSpec({ ...request, ...change }), 0);
    t.same(
      mistakes.map(({ path }) => path.join(".")),
      [place],
    );
    t.match(mistakes[0]?.text, says);
  });
}

const right: readonly (readonly [what: string, change: Partial<RolloutRequest>])[] = [
  ["nothing but a bundle", {}],
  ["stages by share", { stages: [share(0.05), share(0.25), share(1)] }],
  ["stages by selector, number and share", { stages: [matching("lab"), count(10), share(0.5), share(1)] }],
  ["a group that the controller may know", { selector: "@cameras, !@frozen" }],
];
for (const [what, change] of right) {
  t.test(`${what}: nothing is wrong`, async (t) =>
    t.same(specMistakes(completeSpec({ ...request, ...change }), 0), []),
  );
}

t.test("a rollout of the agent that soaks has no gates of its own accord", async (t) => {
  const spec = completeSpec({ ...request, model: AGENT_NAME, stages: [{ ...share(1), soakMs: 60_000 }] });
  t.same(spec.gates, []);
  t.same(specMistakes(spec, 0), []);
});
