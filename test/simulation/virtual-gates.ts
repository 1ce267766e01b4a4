/** What the gates of a stage say, from what its devices' models do to their requests. */
import type { GateResult } from "../../controller/rollout/gate-result.ts";
import type { Gate } from "../../controller/rollout/rollout-spec.ts";
import { GOOD_LATENCY_MS, type VirtualBundle } from "./virtual-bundle.ts";
import type { VirtualRollout } from "./virtual-rollouts.ts";
import type { World } from "./world.ts";

/** Below it a gate says nothing, unless it asks for more or less. */
const SAMPLES_MIN = 100;

export function readGates(world: World, { facts, members, bundle }: VirtualRollout): readonly GateResult[] {
  let samples = 0;
  for (const { device, stage, live, ask } of members.all()) {
    if (!live || ask !== "forward" || stage !== facts.stage) continue;
    const engine = world.devices.get(device)?.engine();
    if (engine?.serving(facts.slot)?.slot.statement !== facts.statement) continue;
    samples += engine.observed(facts.slot)?.requests ?? 0;
  }
  return facts.spec.gates.map((gate) => judge(gate, bundle, samples, facts.phase === "gates"));
}

function judge(gate: Gate, bundle: VirtualBundle, samples: number, isSoakOver: boolean): GateResult {
  const value = valueOf(gate, bundle);
  const limit = gate.max ?? gate.min ?? (gate.maxRatio === undefined ? null : gate.maxRatio * GOOD_LATENCY_MS);
  const isBeyond = limit !== null && (gate.min === undefined ? value > limit : value < limit);
  const verdict = samples < (gate.minSamples ?? SAMPLES_MIN) ? "inconclusive" : isBeyond ? "fail" : "pass";
  return {
    metric: gate.metric,
    verdict: verdict === "pass" && !isSoakOver ? "inconclusive" : verdict,
    value,
    limit,
    samples,
    text: `${gate.metric} ${String(value)}, limit ${String(limit)}, after ${String(samples)} requests`,
  };
}

function valueOf({ metric }: Gate, { behaviour }: VirtualBundle): number {
  switch (metric) {
    case "error_rate":
      return behaviour.kind === "errors" ? behaviour.share : 0;
    case "agreement_top1":
      return behaviour.kind === "disagrees" ? 1 - behaviour.share : 1;
    default:
      return behaviour.kind === "slow" ? behaviour.factor * GOOD_LATENCY_MS : GOOD_LATENCY_MS;
  }
}
