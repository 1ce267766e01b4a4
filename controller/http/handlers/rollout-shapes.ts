/** Rollouts and their devices, from rows to what the API gives. */
import { slotReportOf, type DeviceView } from "../../fleet/device-view.ts";
import { gateReadingOf, factsOf } from "../../rollout/rollout-rows.ts";
import type { ShownMembers } from "../../rollout/read-shown-members.ts";
import type { RolloutFacts, WindowView } from "../../rollout/situation.ts";
import { Counts, type Tally } from "../../rollout/tally.ts";
import { whyWaiting } from "../../rollout/why-waiting.ts";
import type { RolloutDeviceRow, RolloutRow } from "../../store/tables.ts";
import { gate } from "../../../protocol/schema.ts";
import {
  ForecastShape,
  type Rollout,
  type RolloutCounts,
  type RolloutDetail,
  type RolloutMember,
  type StageSummary,
} from "../rollout-routes.ts";

export function rolloutOf(row: RolloutRow, tally: Tally): Rollout {
  const counts: RolloutCounts = {
    waiting: 0,
    deploying: 0,
    done: 0,
    failed: 0,
    superseded: 0,
    reverting: 0,
    reverted: 0,
  };
  for (const { state, count } of tally) counts[state] += count;
  const { spec } = factsOf(row);
  return {
    id: row.id,
    model: row.name,
    version: row.version,
    statement: row.statement,
    selector: row.selector,
    name: row.label,
    author: row.author,
    state: row.state,
    why: row.why,
    stage: row.stage,
    stages: spec.stages.length,
    phase: row.stage_phase,
    phaseSinceMs: row.stage_since_ms,
    priority: row.priority,
    createdMs: row.created_ms,
    finishedMs: row.finished_ms,
    counts,
  };
}

export interface RolloutParts {
  readonly row: RolloutRow;
  /** Of all its members. */
  readonly tally: Tally;
  readonly members: ShownMembers;
  readonly viewOf: ReadonlyMap<string, DeviceView>;
  readonly window: WindowView | null;
}

export function detailOf({ row, tally, members, viewOf, window }: RolloutParts): RolloutDetail {
  const facts = factsOf(row);
  const reading = gateReadingOf(row);
  return {
    rollout: rolloutOf(row, tally),
    spec: facts.spec,
    from: members.from.filter((before) => before !== row.version),
    stages: stagesOf(facts, new Counts(tally)),
    gates: reading?.stage === row.stage ? { atMs: reading.atMs, results: reading.results } : null,
    window: window === null ? null : { open: window.open, opensAtMs: window.opensAtMs },
    offline: members.offline,
    devices: members.rows.map((member) => memberOf({ row, facts, window }, member, viewOf.get(member.device))),
  };
}

function stagesOf({ spec, approvals }: RolloutFacts, counts: Counts): StageSummary[] {
  return spec.stages.map(({ name, soakMs, approval }, index) => {
    const inStage = (state?: string) =>
      counts.count((standing) => standing.stage === index && (state === undefined || standing.state === state));
    const given = approvals.find(({ stage }) => stage === index);
    return {
      name,
      taken: inStage(),
      done: inStage("done"),
      failed: inStage("failed"),
      soakMs,
      approval: given === undefined ? { kind: approval } : { kind: "given", by: given.by, atMs: given.atMs },
    };
  });
}

interface Around {
  readonly row: RolloutRow;
  readonly facts: RolloutFacts;
  readonly window: WindowView | null;
}

function memberOf(
  { row, facts, window }: Around,
  member: RolloutDeviceRow,
  view: DeviceView | undefined,
): RolloutMember {
  const slot = view === undefined ? undefined : slotReportOf(view, row.name);
  const active = slot?.active;
  // Measurements of another version prove nothing about this one.
  const evidence = active?.statement === row.statement ? active.evidence : undefined;
  return {
    device: member.device,
    state: member.state,
    stage: member.stage,
    tries: member.tries,
    sinceMs: member.since_ms,
    why: isUntouched(member) ? whyWaiting(facts, view, window) : member.why,
    online: view?.online === true,
    ...(active === undefined ? {} : { serves: active.version }),
    ...(slot === undefined ? {} : { phase: slot.phase }),
    ...foretoldOf(member),
    ...(evidence === undefined
      ? {}
      : {
          evidence: {
            golden: `${evidence.goldenPassed}/${evidence.goldenCases}`,
            latencyP95Ms: evidence.latencyP95Ms,
            memoryBytes: evidence.memoryBytes,
            provider: evidence.provider,
          },
        }),
  };
}

const checkForecast = gate("stored forecast", ForecastShape);

/** What the plan said, and what came of it. */
function foretoldOf({ predicted_json, started_ms, done_ms }: RolloutDeviceRow): Partial<RolloutMember> {
  // A device that was tried again since it was done has lost the beginning of that time.
  const took = started_ms !== null && done_ms !== null && done_ms > started_ms ? { tookMs: done_ms - started_ms } : {};
  return predicted_json === null ? took : { forecast: checkForecast(JSON.parse(predicted_json)), ...took };
}

/** Why it waits lies in the rollout, not in the device: it is worked out when somebody asks. */
function isUntouched({ state, ask }: RolloutDeviceRow): boolean {
  return state === "waiting" && ask === "none";
}
