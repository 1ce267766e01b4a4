import t from "tap";
import type { DriftVerdict } from "../../../controller/drift/drift-shape.ts";
import type { GateRequest } from "../../../controller/rollout/gate-request.ts";
import { judgeDriftGate } from "../../../controller/rollout/judge-drift-gate.ts";
import { withDriftGates } from "../../../controller/rollout/read-drift-gates.ts";
import type { Gate } from "../../../controller/rollout/rollout-spec.ts";
import type { DeviceId, ModelName, ModelVersion } from "../../../protocol/ids.ts";
import { storeOf } from "../../support/stored-telemetry.ts";

const calibrated: Gate = { metric: "drift_psi", calibrated: true };

function verdict(psi: number, pValue: number, change: Partial<DriftVerdict> = {}): DriftVerdict {
  const isDrifting = psi > 0.1 && pValue < 0.01;
  return {
    ...{ slot: "digits", version: "2.0.0", feature: "x", role: "input", type: "number" },
    ...{ state: isDrifting ? "drifting" : "steady", isDrifting, reference: "bundle", referenceSamples: 1_000 },
    ...{ samples: 500, untold: 0, devices: ["cam-1"], threshold: 0.1, fromMs: 0, toMs: 1, sentence: "" },
    statistics: { psi, pValue, jensenShannon: 0, chiSquare: 0, chiSquarePValue: 1, missing: 0, referenceMissing: 0 },
    ...change,
  };
}

const { statistics: _, ...bare } = verdict(0, 1, { samples: 0, reference: "none", state: "inconclusive" });
const silent: DriftVerdict = { ...bare, state: "not-measured", reference: "bundle", untold: 900 };
const calm = verdict(0.03, 0.5);

const cases: readonly {
  readonly when: string;
  readonly gate?: Gate;
  readonly verdicts: readonly DriftVerdict[];
  readonly isSoaking?: true;
  readonly then: ReturnType<typeof judgeDriftGate>["verdict"];
  readonly says: RegExp;
}[] = [
  { when: "nothing differs", verdicts: [calm, calm], then: "pass", says: /0\.03 at most, limit 0\.1, 500 examples/ },
  { when: "it soaks", verdicts: [calm], isSoaking: true, then: "inconclusive", says: /so far/ },
  {
    when: "a change may be seen too early",
    verdicts: [verdict(2, 0)],
    isSoaking: true,
    then: "inconclusive",
    says: /so far/,
  },
  {
    when: "one feature surely differs",
    verdicts: [calm, verdict(0.8, 1e-9)],
    then: "fail",
    says: /of x 0\.8 is surely above/,
  },
  {
    when: "chance is not ruled out",
    verdicts: [calm, verdict(0.12, 0.002)],
    then: "inconclusive",
    says: /may be chance/,
  },
  {
    when: "a wide limit of one's own holds",
    gate: { metric: "drift_psi", max: 1 },
    verdicts: [verdict(0.8, 1e-9)],
    then: "pass",
    says: /limit 1,/,
  },
  {
    when: "few examples came",
    verdicts: [verdict(0.8, 1e-9, { samples: 90 })],
    then: "inconclusive",
    says: /90 of 200/,
  },
  { when: "nothing came", verdicts: [], then: "inconclusive", says: /every five minutes/ },
  { when: "the bundle has no baseline", verdicts: [bare], then: "inconclusive", says: /ferry bundle baseline/ },
  { when: "devices only count", verdicts: [silent], then: "inconclusive", says: /not measured/ },
  { when: "devices partly only count", verdicts: [calm, silent], then: "inconclusive", says: /not measured/ },
  {
    when: "the reference is what the version was given at first",
    verdicts: [verdict(0.8, 1e-9, { reference: "fleet" })],
    then: "inconclusive",
    says: /no baseline/,
  },
];
for (const { when, gate = calibrated, verdicts, isSoaking, then, says } of cases) {
  t.test(`${then} when ${when}`, async (t) => {
    const result = judgeDriftGate(gate, verdicts, isSoaking !== true);
    t.match(result, { metric: "drift_psi", verdict: then });
    t.match(result.text, says);
  });
}

t.test("results stand in the order of the gates, and other gates are read as before", async (t) => {
  await using store = await storeOf(`${t.testdir({})}/controller.db`, []);
  const asked: string[][] = [];
  const others = (request: GateRequest) => {
    asked.push(request.gates.map(({ metric }) => metric));
    const result = { verdict: "pass" as const, value: 0, limit: 1, samples: 1, text: "" };
    return Promise.resolve(request.gates.map(({ metric }) => ({ metric, ...result })));
  };
  const read = withDriftGates(others, { store, baselineOf: () => Promise.resolve(undefined) });
  const request: GateRequest = {
    ...{ rollout: 1, stage: 0, slot: "digits" as ModelName, version: "2.0.0" as ModelVersion },
    gates: [{ metric: "crashes", max: 1 }, calibrated, { metric: "error_rate", max: 0.1 }],
    devices: [{ device: "cam-1" as DeviceId, sinceMs: 0, replaces: null }],
    ...{ isSoakOver: true, isBeside: false },
  };
  const results = await read(request, 1_000);
  t.same(
    results.map(({ metric, verdict: said }) => [metric, said]),
    [
      ["crashes", "pass"],
      ["drift_psi", "inconclusive"],
      ["error_rate", "pass"],
    ],
  );
  await read({ ...request, gates: [{ metric: "crashes", max: 1 }] }, 2_000);
  t.same(asked, [["crashes", "error_rate"], ["crashes"]]);
});
