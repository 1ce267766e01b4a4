import t from "tap";
import { interfaceLineText } from "../../../controller/rollout/interface-difference.ts";
import { planRollout, type PlannedBundle } from "../../../controller/rollout/plan.ts";
import type { DeviceView } from "../../../controller/fleet/device-view.ts";
import { openOnnxSession } from "../../../common/onnx-session.ts";
import { deviceView, INFO, modelJson, reportOf, serving, slotFor, statement } from "../../support/device-views.ts";
import type { ModelName } from "../../../protocol/ids.ts";

const v1: PlannedBundle = { statement: statement("a"), model: modelJson("1.0.0") };
const v2: PlannedBundle = { statement: statement("b"), model: modelJson("2.0.0") };
const runsV1 = deviceView("cam-1", { report: reportOf("cam-1", { slots: [serving("a", "1.0.0")] }) });

function planFor(bundle: PlannedBundle, device: DeviceView, versions: readonly PlannedBundle[] = [v2, v1]) {
  const plan = planRollout({ bundle, archiveBytes: 1_000, versions, devices: [device], allowInterfaceChange: false });
  const [planned] = plan.devices;
  if (planned === undefined) throw new Error("one device, one plan");
  return { ...planned, changes: plan.interfaceChanges };
}

t.test("beside what answers it needs one interface and a version that is there", async (t) => {
  const changed = { statement: statement("c"), model: modelJson("3.0.0", { outputs: [] }) };
  const mode = { kind: "split", share: 0.1 } as const;
  const plan = (bundle: PlannedBundle, device: DeviceView) =>
    planRollout({
      bundle,
      archiveBytes: 1,
      versions: [bundle, v1],
      devices: [device],
      allowInterfaceChange: true,
      mode,
    }).devices[0];
  t.match(plan(changed, runsV1), { action: "cannot", obstacles: [{ code: "interface-change", text: /\(split\)/ }] });
  t.match(plan(v2, runsV1), { action: "replace", notes: [] });
  t.match(plan(v2, deviceView("cam-1")), { action: "install", notes: [/answers everything at once/] });
});

const actions: readonly {
  when: string;
  device: DeviceView;
  bundle: PlannedBundle;
  action: string;
  from: string | undefined;
}[] = [
  { when: "it runs nothing of that name", device: deviceView("cam-1"), bundle: v2, action: "install", from: undefined },
  { when: "it runs the version before", device: runsV1, bundle: v2, action: "replace", from: "1.0.0" },
  { when: "it runs this very bundle", device: runsV1, bundle: v1, action: "same", from: "1.0.0" },
];
for (const { when, device, bundle, action, from } of actions) {
  t.test(`a device will ${action} when ${when}`, async (t) => {
    t.match(planFor(bundle, device), { action, from, obstacles: [] });
  });
}

t.test("other parameters of the same bundle are a change", async (t) => {
  const slot = serving("a", "1.0.0");
  const active = slot.active && { ...slot.active, params: { threshold: 0.6 } };
  const tuned = deviceView("cam-1", {
    report: reportOf("cam-1", { slots: [active === undefined ? slot : { ...slot, active }] }),
  });
  const plan = (device: DeviceView, params?: Record<string, number>) =>
    planRollout({ bundle: v1, params, archiveBytes: 1, versions: [v1], devices: [device], allowInterfaceChange: false })
      .devices[0]?.action;
  t.equal(plan(runsV1, { threshold: 0.6 }), "replace");
  t.equal(plan(tuned, { threshold: 0.6 }), "same");
  t.equal(plan(tuned), "replace");
});

const other = (changes: Parameters<typeof modelJson>[1]): PlannedBundle => ({
  statement: statement("c"),
  model: modelJson("3.0.0", changes),
});
const obstacles: readonly {
  when: string;
  device: DeviceView;
  bundle: PlannedBundle;
  code: string;
  says: RegExp;
  versions?: readonly PlannedBundle[];
}[] = [
  {
    when: "the bundle is for other hardware",
    device: runsV1,
    bundle: other({ compatible: ["jetson", "linux-arm64"] }),
    code: "hardware",
    says: /for jetson or linux-arm64; this is linux-x64/,
  },
  {
    when: "its agent is too old",
    device: runsV1,
    bundle: other({ minimumAgent: "0.10.0" }),
    code: "agent-too-old",
    says: /needs agent 0\.10\.0 or newer; this one is 0\.1\.0/,
  },
  {
    when: "what it runs has a higher rollback index",
    device: runsV1,
    bundle: other({}),
    versions: [{ ...v1, model: modelJson("1.0.0", { rollbackIndex: 4 }) }],
    code: "rollback-index",
    says: /index 0 is below 4 of 1\.0\.0/,
  },
  {
    when: "it has not told its hardware",
    device: deviceView("cam-1", { info: undefined }),
    bundle: v2,
    code: "not-introduced",
    says: /not told/,
  },
  {
    when: "it runs from a checkout, and the bundle is of the agent",
    device: deviceView("cam-1", {
      info: { ...INFO, selfUpdate: { supported: false, why: "it runs from a checkout" } },
    }),
    bundle: { statement: statement("d"), model: modelJson("2.0.0", { kind: "agent" }) },
    code: "self-update",
    says: /cannot update itself: it runs from a checkout/,
  },
  {
    when: "it serves as many models as a device takes",
    device: deviceView("cam-1", {
      deployment: {
        device: runsV1.id,
        seq: 2,
        slots: Array.from({ length: 16 }, (_, at) => ({
          ...slotFor("d", "1.0.0"),
          slot: `model-${String(at)}` as ModelName,
        })),
      },
    }),
    bundle: v2,
    code: "slots-full",
    says: /16 models/,
  },
];
for (const { when, device, bundle, code, says, versions } of obstacles) {
  t.test(`a device is left out when ${when}`, async (t) => {
    const { action, obstacles: found } = planFor(bundle, device, versions);
    t.equal(action, "cannot");
    t.match(found, [{ code, text: says }]);
    t.equal(found.length, 1);
  });
}

t.test("a newer agent than the oldest that understands the bundle is fine", async (t) => {
  const device = deviceView("cam-1", { info: { ...INFO, agentVersion: "1.2.10" } });
  t.match(planFor(other({ minimumAgent: "1.2.9" }), device), { action: "install" });
});

const SILERO = "node_modules/@ricky0123/vad-web/dist";

async function silero(file: string, version: string, digit: string): Promise<PlannedBundle> {
  const session = await openOnnxSession(`${SILERO}/${file}`);
  const [inputs, outputs] = [session.inputs, session.outputs].map((specs) =>
    specs.map(({ name, datatype, shape }) => ({ name, datatype, shape: [...shape] })),
  );
  await session.release();
  return { statement: statement(digit), model: modelJson(version, { inputs: inputs ?? [], outputs: outputs ?? [] }) };
}

t.test("Silero's own versions, by their real interfaces", async (t) => {
  const legacy = await silero("silero_vad_legacy.onnx", "4.0.0", "d");
  const v5 = await silero("silero_vad_v5.onnx", "5.0.0", "e");
  const v6 = await silero("silero_vad_v6.onnx", "6.0.0", "f");
  const runsV5 = deviceView("mic-1", { report: reportOf("mic-1", { slots: [serving("e", "5.0.0")] }) });

  t.test("v6 takes the place of v5: every caller goes on as before", async (t) => {
    t.match(planFor(v6, runsV5, [v6, v5]), { action: "replace", obstacles: [] });
  });

  t.test("the legacy model has other inputs: refused, with the difference of each input and output", async (t) => {
    const { action, obstacles: found, changes } = planFor(legacy, runsV5, [legacy, v5]);
    t.equal(action, "cannot");
    t.match(found, [{ code: "interface-change" }]);
    const lines = changes.flatMap((change) => change.lines.map(interfaceLineText));
    t.ok(
      lines.some((line) => line.startsWith("- input  state ")),
      lines.join("\n"),
    );
    for (const name of ["h", "c"])
      t.ok(
        lines.some((line) => line.startsWith(`+ input  ${name} `)),
        name,
      );
    t.ok(lines.some((line) => line.startsWith("- output stateN ")));
    t.ok(lines.some((line) => line.startsWith("  input  sr INT64")));
  });

  t.test("a device that runs nothing yet is held against the catalogue's newest", async (t) => {
    t.match(planFor(legacy, deviceView("mic-1"), [legacy, v6, v5]), { action: "cannot", changes: [{ from: "6.0.0" }] });
  });

  t.test("an operator who changes the callers too may do it", async (t) => {
    const plan = planRollout({
      bundle: legacy,
      archiveBytes: 1_000,
      versions: [legacy, v5],
      devices: [runsV5],
      allowInterfaceChange: true,
    });
    t.match(plan.devices, [{ action: "replace", obstacles: [] }]);
    t.equal(plan.interfaceChanges.length, 1, "the difference is still shown");
  });
});
