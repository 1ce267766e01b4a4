/** What must be so when nothing has gone wrong for long enough: no device is stuck, and all agree on what runs. */
import { isSettled, type SlotState } from "../../agent/update/state.ts";
import type { DeployedSlot } from "../../protocol/trust/deployment.ts";
import type { VirtualDevice } from "./virtual-device.ts";
import { Violation } from "./violation.ts";
import type { VirtualRollout, VirtualRollouts } from "./virtual-rollouts.ts";
import type { World } from "./world.ts";

export interface End {
  readonly world: World;
  readonly rollouts: VirtualRollouts;
}

export function requireConverged({ world, rollouts }: End): void {
  for (const device of world.devices.values()) {
    if (!device.isOnline()) throw new Violation("every device comes back", `${device.plan.id} is offline at the end`);
    requireNewestWish(world, device);
    requireReported(world, device);
  }
  for (const rollout of rollouts.all()) requireTold(world, rollout);
}

/** What a rollout says of a device is what the device does, and nobody is left under way. */
function requireTold(world: World, { facts, members }: VirtualRollout): void {
  const name = `rollout ${String(facts.id)} (${facts.state})`;
  for (const { device, state, live, previous, why } of members.all()) {
    if (!live) continue;
    const serving = world.devices.get(device)?.engine()?.serving(facts.slot)?.slot.statement;
    const tell = (what: string) =>
      new Violation("a rollout tells what devices do", `${name}: ${device} is ${state}, and ${what}`);
    if (state === "done" && serving !== facts.statement) throw tell("serves something else");
    if (state === "reverted" && serving !== previous?.statement) throw tell("does not serve what it had before");
    if (state === "deploying" || state === "reverting") {
      throw new Violation("no rollout wedges", `${name}: ${device} is ${state} at the end: ${why ?? ""}`);
    }
    if (state === "failed" && (why === null || why === "")) throw tell("nobody says why");
  }
}

function requireNewestWish(world: World, { plan, disk, engine }: VirtualDevice): void {
  const deployment = world.fleet.deploymentOf(plan.id);
  if (deployment === undefined) throw new Violation("every device is heard", `${plan.id} has never asked`);
  if (disk.trust.seq !== deployment.seq) {
    const detail = `${plan.id} holds deployment ${String(disk.trust.seq)}, ${String(deployment.seq)} is the newest`;
    throw new Violation("the newest wish wins", detail);
  }
  for (const wish of deployment.slots) {
    const state = disk.slots.get(wish.slot);
    if (state === undefined || (!isSettled(state) && !isTriedAgain(world, deployment.slots))) {
      throw new Violation("no device wedges", `${plan.id}: ${wish.slot} is ${describe(state)} at the end`);
    }
    if (state.phase === "committed" && engine()?.serving(wish.slot)?.slot.statement !== wish.statement) {
      throw new Violation("what is committed answers", `${plan.id}: ${wish.slot} is ${describe(state)}`);
    }
  }
  requireNothingElse(plan.id, [...disk.slots.keys()], deployment.slots);
}

/** What failed for good has another try each day, and its mates with it: the end may come in the middle of one. */
function isTriedAgain({ isGood }: World, slots: readonly DeployedSlot[]): boolean {
  return slots.some(({ statement }) => !isGood(statement));
}

function requireNothingElse(device: string, slots: readonly string[], wishes: readonly DeployedSlot[]): void {
  const unwished = slots.filter((slot) => wishes.every((wish) => wish.slot !== slot));
  if (unwished.length > 0) throw new Violation("the newest wish wins", `${device} keeps ${unwished.join()}`);
}

/** The controller's picture is the device's own. */
function requireReported({ fleet }: World, { plan, disk }: VirtualDevice): void {
  const report = fleet.view(plan.id)?.report;
  for (const [slot, state] of disk.slots) {
    const said = report?.slots.find((one) => one.slot === slot);
    if (said?.active?.statement !== state.active?.statement) {
      throw new Violation("reports tell what runs", `${plan.id}: ${slot} is ${describe(state)}`);
    }
  }
}

function describe(state: SlotState | undefined): string {
  if (state === undefined) return "empty";
  const active = state.active === null ? "nothing" : state.active.version;
  return `${state.phase}${"refusal" in state && state.refusal !== null ? ` (${state.refusal.code})` : ""}, ${active} answers`;
}
