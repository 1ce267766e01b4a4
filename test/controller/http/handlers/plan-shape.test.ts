import t from "tap";
import { planShape } from "../../../../controller/http/handlers/plan-shape.ts";
import { completeSpec } from "../../../../controller/rollout/complete-spec.ts";
import { Plan } from "../../../../controller/http/rollout-routes.ts";
import { gate } from "../../../../protocol/schema.ts";
import type { DeviceId, ModelVersion } from "../../../../protocol/ids.ts";
import { DIGITS, modelJson, NOW_MS, slotFor, statement } from "../../../support/device-views.ts";

const spec = completeSpec({ model: DIGITS, version: "2.0.0" as ModelVersion, selector: "" });
const [can, cannot] = ["cam-1", "cam-2"] as [DeviceId, DeviceId];

t.test("a plan is told as the API's schema says: nothing unknown is made up", async (t) => {
  const shape = planShape(spec, {
    entry: {
      statement: statement("b"),
      model: modelJson("2.0.0"),
      archive: slotFor("b", "2.0.0").archive,
      pushedMs: 1,
    },
    plan: {
      devices: [
        {
          device: can,
          online: true,
          from: undefined,
          action: "install",
          obstacles: [],
          provider: "cpu",
          notes: ["slow"],
        },
        {
          device: cannot,
          online: false,
          from: "1.0.0" as ModelVersion,
          action: "cannot",
          obstacles: [{ code: "hardware", text: "other hardware" }],
          provider: undefined,
          notes: [],
        },
      ],
      interfaceChanges: [],
    },
    foresight: {
      devices: new Map([[can, { bytes: 10, ms: undefined, basis: "none", stage: 0 }]]),
      stages: [
        {
          name: "all",
          devices: 1,
          startMs: NOW_MS,
          deployedMs: NOW_MS,
          finishMs: NOW_MS,
          needsApproval: false,
          unknownDevices: 1,
          matchesNobody: false,
        },
      ],
    },
    rivals: [],
  });
  t.doesNotThrow(() => gate("plan", Plan)(JSON.parse(JSON.stringify(shape))));
  t.match(shape.devices, [
    {
      device: can,
      from: null,
      stage: spec.stages[0]?.name,
      forecast: { bytes: 10, ms: null, basis: "none" },
      provider: "cpu",
    },
    { device: cannot, from: "1.0.0", stage: null, obstacles: [{ code: "hardware" }] },
  ]);
  t.notOk("forecast" in (shape.devices[1] ?? {}), "what cannot take it needs nothing");
});
