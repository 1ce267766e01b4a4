/** What must hold of every decision about a rollout, whatever devices and people do. */
import type { DeviceId } from "../../protocol/ids.ts";
import { slotReportOf } from "../../controller/fleet/device-view.ts";
import { stageTarget } from "../../controller/rollout/choose-devices.ts";
import type { Decision, Situation } from "../../controller/rollout/situation.ts";
import type { VirtualRollout } from "./virtual-rollouts.ts";
import { Violation } from "./violation.ts";
import type { World } from "./world.ts";

export interface RolloutWatch {
  readonly onDecision: (rollout: VirtualRollout, decision: Decision, situation: Situation) => void;
  readonly onHeard: (rollout: VirtualRollout, devices: readonly DeviceId[]) => void;
}

export function watchRollouts(world: World): RolloutWatch {
  const begunMs = new Map<number, number[]>();

  function require(holds: boolean, promise: string, detail: () => string): void {
    if (!holds) throw new Violation(promise, detail());
  }

  function onDecision(rollout: VirtualRollout, decision: Decision, situation: Situation): void {
    const { facts } = rollout;
    switch (decision.kind) {
      case "issue":
        requireMayBegin(rollout, decision.device, situation);
        break;
      case "revert":
        require(facts.state === "rolling-back" ||
          facts.state === "rolled-back", "only a rollback turns devices back", () =>
          `rollout ${String(facts.id)} is ${facts.state}, and ${decision.device} goes back`);
        requireRate(rollout, situation.nowMs);
        break;
      case "mark":
        if (decision.to.state === "done") requireEvidence(rollout, decision.device, facts.statement);
        if (decision.to.state === "reverted") {
          const { previous } = rollout.members.get(decision.device);
          requireEvidence(rollout, decision.device, previous?.statement);
        }
        break;
      case "stage":
        require(facts.state === "running", "only a running rollout goes on to another stage", () =>
          `rollout ${String(facts.id)} is ${facts.state}`);
        require(decision.phase !== "deploying" ||
          decision.stage === facts.stage ||
          isApproved(rollout, decision.stage), "a stage that needs an approval waits for one", () =>
          `rollout ${String(facts.id)} goes to stage ${String(decision.stage)}`);
        break;
      case "settle":
        break;
    }
  }

  function isApproved({ facts, author }: VirtualRollout, stage: number): boolean {
    if (facts.spec.stages[stage]?.approval !== "required") return true;
    return facts.approvals.some((approval) => approval.stage === stage && approval.by !== author);
  }

  function requireMayBegin(rollout: VirtualRollout, device: DeviceId, { window, nowMs }: Situation): void {
    const { facts, members } = rollout;
    const name = `rollout ${String(facts.id)}`;
    require(facts.state === "running" ||
      facts.state === "completed" ||
      facts.state === "failed", "a rollout that is paused, aborted or going back begins nobody", () =>
      `${name} is ${facts.state}, and ${device} is begun`);
    require(window === null || window.open, "outside its window a rollout begins nobody", () => `${name}: ${device}`);
    const member = members.get(device);
    require(member.live, "a device that another rollout has is left alone", () => `${name}: ${device}`);
    if (member.ask !== "none") return;
    requireRate(rollout, nowMs);
    requireStageBound(rollout);
  }

  function requireRate({ facts, members }: VirtualRollout, nowMs: number): void {
    const { perMinute, concurrent } = facts.spec.rate;
    const lately = (begunMs.get(facts.id) ?? []).filter((atMs) => atMs > nowMs - 60_000);
    begunMs.set(facts.id, [...lately, nowMs]);
    require(perMinute === null || lately.length < perMinute, "a rollout keeps to its rate", () =>
      `rollout ${String(facts.id)} begins more than ${String(perMinute)} devices in a minute`);
    const underWay = members.count(
      ({ live, state, ask }) => live && (state === "deploying" || (state === "reverting" && ask === "back")),
    );
    require(concurrent === null || underWay < concurrent, "a rollout keeps to its rate", () =>
      `rollout ${String(facts.id)} has more than ${String(concurrent)} devices under way`);
  }

  function requireStageBound({ facts, members }: VirtualRollout): void {
    const take = facts.spec.stages[facts.stage]?.take;
    if (take === undefined || take.kind === "selector") return;
    const all = members.count(() => true);
    const taken = members.count(({ stage }) => stage !== null);
    require(taken < stageTarget(take, all), "a stage takes no more than its share", () =>
      `rollout ${String(facts.id)} has taken ${String(taken)} of ${String(all)} in stage ${String(facts.stage)}`);
  }

  /** The newest signed report says so, and so it was on the device. */
  function requireEvidence({ facts }: VirtualRollout, device: DeviceId, statement: string | undefined): void {
    const view = world.fleet.view(device);
    const slot = view === undefined ? undefined : slotReportOf(view, facts.slot);
    const isSaid = slot?.active?.statement === statement && (statement === undefined || slot?.phase === "committed");
    require(isSaid, "done and reverted come from evidence", () =>
      `rollout ${String(facts.id)}: ${device} said nothing of it`);
    require(statement === undefined ||
      world.hasCommitted(device, statement), "done and reverted come from evidence", () =>
      `rollout ${String(facts.id)}: ${device} has never committed to it`);
  }

  /** A device whose own report says that it serves something else is not counted as done any longer. */
  function onHeard({ facts, members }: VirtualRollout, devices: readonly DeviceId[]): void {
    for (const device of devices) {
      const { state, live, seq } = members.get(device);
      const view = world.fleet.view(device);
      if (state !== "done" || !live || view?.report === undefined || view.report.seq < (seq ?? 0)) continue;
      const slot = slotReportOf(view, facts.slot);
      require(slot?.active?.statement === facts.statement, "a fall-back takes done back", () =>
        `rollout ${String(facts.id)}: ${device} counts as done, and says that ${slot?.active?.version ?? "nothing"} answers`);
    }
  }

  return { onDecision, onHeard };
}
