/** Rollouts and their members as rows: what deciding reads from them. */
import { Type } from "typebox";
import { gate } from "../../protocol/schema.ts";
import { DeployedSlot } from "../../protocol/trust/deployment.ts";
import type { DeviceView } from "../fleet/device-view.ts";
import { Approval } from "../store/rollout-state.ts";
import type { RolloutDeviceRow, RolloutRow } from "../store/tables.ts";
import { completeSpec } from "./complete-spec.ts";
import { GateResult } from "./gate-result.ts";
import { RolloutSpec } from "./rollout-spec.ts";
import type { RolloutFacts, RolloutMember } from "./situation.ts";

const readSpec = gate("stored rollout", RolloutSpec);
const readApprovals = gate("stored approvals", Type.Array(Approval));
const readPrevious = gate("stored previous slot", Type.Union([DeployedSlot, Type.Null()]));

/** What the gates of a stage said when they were read last. */
export const GateReading = Type.Object({
  stage: Type.Integer(),
  atMs: Type.Number(),
  results: Type.Array(GateResult),
});
const readGateReading = gate("stored gate results", GateReading);

export function specOf({ spec_json, name, version }: RolloutRow): RolloutSpec {
  return spec_json === null ? completeSpec({ model: name, version }) : readSpec(JSON.parse(spec_json));
}

export function factsOf(row: RolloutRow): RolloutFacts {
  return {
    id: row.id,
    statement: row.statement,
    slot: row.name,
    spec: specOf(row),
    state: row.state,
    why: row.why,
    stage: row.stage,
    phase: row.stage_phase,
    sinceMs: row.stage_since_ms,
    approvals: readApprovals(JSON.parse(row.approvals_json)),
    gatesWaivedStage: row.gates_waived_stage,
    failuresAccepted: row.failures_accepted,
  };
}

export function gateReadingOf({ gates_json }: RolloutRow) {
  return gates_json === null ? undefined : readGateReading(JSON.parse(gates_json));
}

export function previousOf({
  previous_json,
}: Pick<RolloutDeviceRow, "previous_json">): DeployedSlot | null | undefined {
  return previous_json === null ? undefined : readPrevious(JSON.parse(previous_json));
}

export function memberFrom(row: RolloutDeviceRow, view: DeviceView | undefined): RolloutMember {
  return {
    device: row.device,
    state: row.state,
    stage: row.stage,
    ask: row.ask,
    live: row.live === 1,
    reachable: row.reachable === 1,
    tries: row.tries,
    why: row.why,
    order: row.ordinal,
    seq: row.seq,
    startedMs: row.started_ms,
    previous: previousOf(row),
    view,
  };
}
