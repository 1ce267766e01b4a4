import t from "tap";
import { describePlan } from "../../../controller/cli/plan-text.ts";
import type { Plan } from "../../../controller/http/rollout-routes.ts";
import type { ModelName, ModelVersion, StatementDigest } from "../../../protocol/ids.ts";

type Stage = Plan["stages"][number];

function planOf(stages: readonly Partial<Stage>[]): Plan {
  const nowMs = Date.now();
  const plain = { devices: 2, startMs: nowMs, deployedMs: nowMs, finishMs: nowMs, needsApproval: false };
  return {
    model: "digits" as ModelName,
    version: "1.1.0" as ModelVersion,
    statement: "a".repeat(64) as StatementDigest,
    archiveBytes: 1_000,
    devices: [],
    interfaceChanges: [],
    rivals: [],
    stages: stages.map((stage, at) => ({
      name: `stage-${String(at)}`,
      unknownDevices: 0,
      matchesNobody: false,
      ...plain,
      ...stage,
    })),
  };
}

t.test("one stage that begins at once needs no line", async (t) => {
  t.notMatch(describePlan(planOf([{}])), /stage-0/);
});

t.test("a stage that takes nobody says what becomes of the rollout", async (t) => {
  const nobody = { devices: 0, matchesNobody: true };
  t.match(describePlan(planOf([nobody])), /stage-0 .*no device matches its selector: the rollout waits/);
  t.match(describePlan(planOf([{}, nobody])), /stage-1 .*no device matches its selector: it will be passed over/);
});
