/**
 * What the rollout engine does, without a database: puts together what the real decider needs to know, and applies what
 * it decides as `apply-decision.ts` says. People's verbs change the same facts.
 */
import type { DeviceId, StatementDigest } from "../../protocol/ids.ts";
import { unreachable } from "../../protocol/unreachable.ts";
import { parseSelector, selects, type Selector } from "../../controller/fleet/selector.ts";
import { applyDecision } from "../../controller/rollout/apply-decision.ts";
import { completeSpec } from "../../controller/rollout/complete-spec.ts";
import { decide } from "../../controller/rollout/decide.ts";
import type { GateResult } from "../../controller/rollout/gate-result.ts";
import type { RolloutRequest, RolloutSpec } from "../../controller/rollout/rollout-spec.ts";
import type {
  Decision,
  RolloutFacts,
  RolloutMember,
  Situation,
  WindowView,
} from "../../controller/rollout/situation.ts";
import { windowAt } from "../../controller/rollout/window.ts";
import type { EventQueue } from "./event-queue.ts";
import { Members } from "./members.ts";
import type { VirtualBundle } from "./virtual-bundle.ts";
import type { VirtualFleet } from "./virtual-fleet.ts";
import type { Trace } from "./world.ts";

export interface VirtualRollout {
  readonly bundle: VirtualBundle;
  readonly author: string;
  readonly createdMs: number;
  readonly members: Members;
  facts: RolloutFacts;
}

export interface RolloutsPorts {
  readonly fleet: VirtualFleet;
  readonly queue: EventQueue;
  readonly bundles: readonly VirtualBundle[];
  /** How often rollouts are looked at even where nothing was heard. */
  readonly tickMs: number;
  readonly readGates: (rollout: VirtualRollout) => readonly GateResult[];
  /** Before a decision is applied; `view` is what it was made from. */
  readonly onDecision: (rollout: VirtualRollout, decision: Decision, situation: Situation) => void;
  /** Something was heard of these members, and all that it decides has been applied. */
  readonly onHeard: (rollout: VirtualRollout, devices: readonly DeviceId[]) => void;
  readonly trace: Trace | undefined;
}

export interface VirtualRollouts {
  readonly all: () => readonly VirtualRollout[];
  readonly create: (author: string, request: RolloutRequest) => void;
  /** What a person asks for; one that makes no sense where the rollout stands changes nothing. */
  readonly say: (verb: "pause" | "resume" | "abort" | "rollback", rollout: number) => void;
  readonly approve: (rollout: number, by: string) => void;
  /** Something was heard of the device, or its presence changed. */
  readonly touch: (device: DeviceId) => void;
}

/** Events within this time are decided together. */
const GATHER_MS = 1_000;
/** As in the engine: what one transaction changes, and how often a rollout is looked at in one pass. */
const CHANGES_MAX = 250;
const LOOKS_MAX = 40;
/** Unsettled members that are looked at again at each tick, although nothing was heard of them. */
const LOOKED_AGAIN = 200;

export function createRollouts(ports: RolloutsPorts): VirtualRollouts {
  const { fleet, queue, trace } = ports;
  const rollouts: VirtualRollout[] = [];
  const bundleOf = new Map(ports.bundles.map((bundle) => [`${bundle.model.name}@${bundle.model.version}`, bundle]));
  const touched = new Set<DeviceId>();
  const windows = new Map<number, { readonly view: WindowView; readonly untilMs: number }>();
  let isPassDue = false;

  function passSoon(): void {
    if (isPassDue || rollouts.length === 0) return;
    isPassDue = true;
    queue.after(GATHER_MS, () => {
      isPassDue = false;
      pass();
    });
  }

  function pass(): void {
    const news = [...touched];
    touched.clear();
    for (const device of news) join(device);
    for (const rollout of rollouts) {
      const own = news.filter((device) => rollout.members.isLive(device));
      // A settled rollout changes only by what is heard of its devices.
      if (own.length > 0 || UNDER_WAY.has(rollout.facts.state)) lookUntilStill(rollout, own);
      ports.onHeard(rollout, own);
    }
  }

  /** A device that came later, where a rollout follows its selector. */
  function join(device: DeviceId): void {
    for (const rollout of rollouts) {
      const { spec, state } = rollout.facts;
      if (!spec.follow || state === "aborted" || state === "superseded" || rollout.members.has(device)) continue;
      if (isMeant(spec, device)) addMember(rollout, device);
    }
  }

  function isMeant({ devices, selector = "" }: RolloutSpec, device: DeviceId): boolean {
    if (devices !== undefined) return devices.includes(device);
    return selects(parseSelector(selector), fleet.view(device)?.labels ?? {});
  }

  /** As in `create-rollout.ts`: the higher priority has the device; the later one where they are equal. */
  function addMember(rollout: VirtualRollout, device: DeviceId): void {
    const { facts, members } = rollout;
    members.add(facts.id, device);
    for (const rival of rollouts) {
      if (rival.facts.id >= facts.id || rival.facts.slot !== facts.slot || !rival.members.isLive(device)) continue;
      const isUnderWay = UNDER_WAY.has(rival.facts.state);
      if (isUnderWay && rival.facts.spec.priority > facts.spec.priority) members.supersede(device);
      else {
        members.inherit(device, rival.members);
        rival.members.supersede(device);
      }
    }
  }

  function lookUntilStill(rollout: VirtualRollout, news: readonly DeviceId[]): void {
    for (let looks = 0; looks < LOOKS_MAX; looks += 1) {
      if (!look(rollout, looks === 0 ? news : [])) return;
    }
  }

  /** True where another look at once may decide more. */
  function look(rollout: VirtualRollout, news: readonly DeviceId[]): boolean {
    const situation = situationOf(rollout, news);
    const issued: DeviceId[] = [];
    let isMoving = false;
    for (const decision of decide(situation)) {
      ports.onDecision(rollout, decision, situation);
      if (decision.kind !== "mark") isMoving = true;
      if (apply(rollout, decision, situation.nowMs) && "device" in decision) issued.push(decision.device);
    }
    fleet.issue(issued);
    return isMoving;
  }

  function situationOf({ facts, members, ...rest }: VirtualRollout, news: readonly DeviceId[]): Situation {
    const nowMs = queue.nowMs();
    const { spec } = facts;
    const next = members.next(facts, CHANGES_MAX);
    const chosen = new Set<DeviceId>([...news, ...members.overdue(spec.deploymentMsMax, nowMs), ...next.devices]);
    const isJudged = facts.state === "running" && facts.phase !== "approval" && spec.gates.length > 0;
    return {
      rollout: facts,
      members: members.views(chosen, fleet),
      tally: members.tally(),
      hasMore: next.hasMore,
      selector: stageSelector(facts),
      gates: isJudged ? ports.readGates({ facts, members, ...rest }) : undefined,
      window: windowOf(facts, nowMs),
      begunLately: members.begunSince(nowMs - 60_000),
      changesMax: CHANGES_MAX,
      nowMs,
    };
  }

  /** As it was found before, until it opens or closes next: the calendar is asked twice a day, not each second. */
  function windowOf({ id, spec }: RolloutFacts, nowMs: number): WindowView | null {
    if (spec.window === null) return null;
    const known = windows.get(id);
    if (known !== undefined && nowMs < known.untilMs) return known.view;
    const found = windowAt(spec.window, nowMs);
    if (found === undefined) return { open: false, opensAtMs: null };
    windows.set(id, { view: found, untilMs: found.open ? found.closesAtMs : found.opensAtMs });
    return found;
  }

  /** True where the device's deployment has changed. */
  function apply(rollout: VirtualRollout, decision: Decision, nowMs: number): boolean {
    tell(rollout, decision);
    switch (decision.kind) {
      case "issue":
      case "revert":
      case "mark": {
        const member: RolloutMember = { ...rollout.members.get(decision.device), view: fleet.view(decision.device) };
        const wished = { slot: rollout.bundle.slot, spec: rollout.facts.spec };
        const applied = applyDecision(wished, member, decision, nowMs);
        rollout.members.put(applied.member);
        if (applied.deployment === undefined) return false;
        fleet.storeDeployment(decision.device, applied.deployment.slots);
        return true;
      }
      case "stage":
        rollout.facts = { ...rollout.facts, stage: decision.stage, phase: decision.phase, sinceMs: nowMs };
        return false;
      case "settle":
        settle(rollout, decision.state, decision.why);
        return false;
      default:
        return unreachable(decision);
    }
  }

  function settle(rollout: VirtualRollout, state: RolloutFacts["state"], why: string | null): void {
    const restart = state === "running" ? { phase: "deploying" as const, sinceMs: queue.nowMs() } : {};
    rollout.facts = { ...rollout.facts, state, why, ...restart };
  }

  function tell({ facts }: VirtualRollout, decision: Decision): void {
    if (trace === undefined) return;
    const { kind, ...rest } = decision;
    const what = "to" in rest ? `${rest.device} ${rest.to.state}: ${rest.to.why ?? ""}` : Object.values(rest).join(" ");
    trace(queue.nowMs(), `rollout ${String(facts.id)}`, `${kind} ${what}`);
  }

  function tick(): void {
    for (const { members } of rollouts) for (const device of members.unsettled(LOOKED_AGAIN)) touched.add(device);
    if (rollouts.length > 0) pass();
    queue.after(ports.tickMs, tick);
  }
  tick();

  return {
    all: () => rollouts,
    create: (author, request) => {
      const spec = completeSpec(request);
      const bundle = bundleOf.get(`${spec.model}@${spec.version}`);
      if (bundle === undefined) throw new Error(`nobody has published ${spec.model}@${spec.version}`);
      const rollout: VirtualRollout = {
        bundle,
        author,
        createdMs: queue.nowMs(),
        members: new Members(),
        facts: beginning(rollouts.length + 1, bundle.slot.statement, spec, queue.nowMs()),
      };
      rollouts.push(rollout);
      for (const device of fleet.devices()) {
        if (isMeant(spec, device)) addMember(rollout, device);
        touched.add(device);
      }
      passSoon();
    },
    say: (verb, id) => {
      const rollout = rollouts.find(({ facts }) => facts.id === id);
      if (rollout === undefined) return;
      trace?.(queue.nowMs(), `rollout ${String(id)}`, `a person says ${verb}`);
      const after = AFTER[verb];
      if (!after.from.has(rollout.facts.state)) return;
      settle(rollout, after.to, `a person said ${verb}`);
      if (verb === "resume") acceptAsItIs(rollout);
      passSoon();
    },
    approve: (id, by) => {
      const rollout = rollouts.find(({ facts }) => facts.id === id);
      if (rollout?.facts.phase !== "approval" || rollout.author === by) return;
      const approval = { stage: rollout.facts.stage, by, atMs: queue.nowMs() };
      rollout.facts = { ...rollout.facts, approvals: [...rollout.facts.approvals, approval] };
      passSoon();
    },
    touch: (device) => {
      touched.add(device);
      passSoon();
    },
  };
}

function stageSelector({ spec, stage }: RolloutFacts): Selector | null {
  const take = spec.stages[stage]?.take;
  return take?.kind === "selector" ? parseSelector(take.selector) : null;
}

type State = RolloutFacts["state"];
const UNDER_WAY: ReadonlySet<State> = new Set<State>(["running", "paused", "rolling-back"]);

const AFTER: Readonly<Record<"pause" | "resume" | "abort" | "rollback", { from: ReadonlySet<State>; to: State }>> = {
  pause: { from: new Set<State>(["running"]), to: "paused" },
  resume: { from: new Set<State>(["paused"]), to: "running" },
  abort: { from: new Set<State>(["running", "paused"]), to: "aborted" },
  rollback: { from: new Set<State>(["running", "paused", "completed", "failed", "aborted"]), to: "rolling-back" },
};

/** Whoever resumes a rollout accepts what made it pause. */
function acceptAsItIs(rollout: VirtualRollout): void {
  const failuresAccepted = rollout.members.count(({ state }) => state === "failed");
  rollout.facts = { ...rollout.facts, failuresAccepted, gatesWaivedStage: rollout.facts.stage };
}

function beginning(id: number, statement: StatementDigest, spec: RolloutSpec, nowMs: number): RolloutFacts {
  return {
    id,
    statement,
    slot: spec.model,
    spec,
    state: "running",
    why: null,
    stage: 0,
    phase: spec.stages[0]?.approval === "required" ? "approval" : "deploying",
    sinceMs: nowMs,
    approvals: [],
    gatesWaivedStage: null,
    failuresAccepted: 0,
  };
}
