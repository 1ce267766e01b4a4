import t from "tap";
import { completeSpec } from "../../../controller/rollout/complete-spec.ts";
import { DEFAULT_GATES } from "../../../controller/rollout/default-gates.ts";
import { RolloutRequest, RolloutSpec } from "../../../controller/rollout/rollout-spec.ts";
import { Compile } from "typebox/compile";
import type { DeviceId, ModelName, ModelVersion } from "../../../protocol/ids.ts";
import type { SoakTraffic } from "../../../protocol/trust/soak-traffic.ts";

const request = { model: "digits" as ModelName, version: "1.1.0" as ModelVersion };

t.test("a request of a model and devices is one stage of all of them, without gates", async (t) => {
  const spec = completeSpec({ ...request, devices: ["cam-1" as DeviceId] });
  t.ok(Compile(RolloutSpec).Check(spec));
  t.match(spec, { stages: [{ take: { kind: "share", share: 1 }, soakMs: 0 }], gates: [], abort: null, quorum: 1 });
  t.notOk("selector" in spec);
});

t.test("without devices and selector it is about every device", async (t) => {
  t.equal(completeSpec(request).selector, "");
});

t.test(
  "a rollout that soaks and names no gates has the usual ones, and devices that soak long enough for them",
  async (t) => {
    const stages = [
      { name: "all", take: { kind: "share", share: 1, min: 1 }, soakMs: 60_000, approval: "none" } as const,
    ];
    const spec = completeSpec({ ...request, stages });
    t.same(spec.gates, DEFAULT_GATES);
    t.ok(Number(spec.deviceSoakMs) > 0);
    t.same(completeSpec(spec), spec);
    t.match(completeSpec({ ...request, stages, gates: [] }), { gates: [], deviceSoakMs: undefined });
    t.equal(completeSpec({ ...request, stages, deviceSoakMs: 5_000 }).deviceSoakMs, 5_000);
  },
);

t.test(
  "a version that soaks beside the former one has gates and time for it, a shadow without the latency",
  async (t) => {
    const names = (mode: SoakTraffic) => completeSpec({ ...request, mode }).gates.map(({ metric }) => metric);
    t.ok(names({ kind: "split", share: 0.1 }).includes("latency_p95_ms"));
    t.notOk(names({ kind: "shadow", share: 1 }).includes("latency_p95_ms"));
    const spec = completeSpec({ ...request, mode: { kind: "shadow", share: 1 }, gates: [], deviceSoakMs: 7_200_000 });
    t.equal(spec.deploymentMsMax, 3_600_000 + 7_200_000, "a device that soaks for hours is not late");
    t.ok(Number(completeSpec({ ...request, mode: { kind: "split", share: 0.1 }, gates: [] }).deviceSoakMs) > 0);
  },
);

t.test("the quorum is what the abort criterion leaves", async (t) => {
  const abort = { failedShareMax: 0.25, devicesMin: 5, then: "pause" } as const;
  t.equal(completeSpec({ ...request, abort }).quorum, 0.75);
  t.equal(completeSpec({ ...request, abort, quorum: 0.5 }).quorum, 0.5);
});

t.test("a whole specification is a request too, and stays as it is", async (t) => {
  const spec = completeSpec({ ...request, selector: "site=oslo" });
  t.ok(Compile(RolloutRequest).Check(spec));
  t.same(completeSpec(spec), spec);
});

t.test("a field that nobody knows is refused", async (t) => {
  t.notOk(Compile(RolloutRequest).Check({ ...request, stagse: [] }));
});
