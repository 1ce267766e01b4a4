/** What must hold of a device after every event; `docs/ARCHITECTURE.md` numbers the promises. */
import { SLOTS_MAX } from "../../protocol/limits.ts";
import type { ModelName, StatementDigest } from "../../protocol/ids.ts";
import { answering, isWorking, wishOf, type HeldBundle, type SlotState } from "../../agent/update/state.ts";
import type { SlotEvent } from "../../agent/update/slot-event.ts";
import type { VirtualDevice } from "./virtual-device.ts";
import { watchTogether } from "./together.ts";
import { Violation } from "./violation.ts";

export interface DeviceWatch {
  /** After every event of the device. */
  readonly look: () => void;
  /** At every change of a slot that was stored. */
  readonly onChange: (slot: ModelName, event: SlotEvent, before: SlotState, after: SlotState) => void;
}

/** A passing cause is tried again after at most a quarter of an hour, and at first after seconds. */
const ATTEMPTS_PER_DAY_MAX = 200;
const DAY_MS = 86_400_000;

export function watchDevice(device: VirtualDevice, nowMs: () => number): DeviceWatch {
  const { disk, plan } = device;
  const attempts = new Map<ModelName, { dayMs: number; count: number }>();
  const together = watchTogether(plan.id, nowMs);
  let seq = 0;
  const indexes = new Map<ModelName, number>();

  function require(holds: boolean, promise: string, detail: () => string): void {
    if (!holds) throw new Violation(promise, `${plan.id}: ${detail()}`);
  }

  function look(): void {
    require(disk.trust.seq >= seq, "the accepted sequence never goes backwards", () =>
      `${String(seq)} → ${String(disk.trust.seq)}`);
    ({ seq } = disk.trust);
    for (const [model, value] of disk.rollbackIndex) {
      require(value >= (indexes.get(model) ?? 0), "a rollback index never falls", () => `${model}: ${String(value)}`);
      indexes.set(model, value);
    }
    require(disk.bundles.size <= 4 * Math.max(1, disk.slots.size) &&
      disk.slots.size <= SLOTS_MAX, "what a device keeps is bounded", () =>
      `${String(disk.bundles.size)} bundles for ${String(disk.slots.size)} slots`);
    const engine = device.engine();
    if (engine === undefined) {
      together.startOver();
      return;
    }
    for (const { slot, bundle } of engine.served()) {
      const behaviour = engine.serving(slot)?.behaviour.kind;
      require(behaviour !== "unsigned", "nothing runs that nobody signed", () =>
        `${slot} serves ${bundle.model.version}`);
    }
    lookAtSlots();
    // Whoever cannot write cannot go on, nor back.
    if (disk.isFull) together.startOver();
    else together.look(disk.slots);
  }

  /** No slot that has a bundle stays without an answer, and what answers is the old one or the new one. */
  function lookAtSlots(): void {
    const engine = device.engine();
    for (const [slot, state] of disk.slots) {
      const serving = engine?.serving(slot)?.slot.statement;
      if (state.active === null || device.isBusy(slot) || !disk.bundles.has(state.active.statement)) continue;
      require(serving !== undefined, "a device that has a verified bundle answers", () =>
        `${slot} is ${state.phase}, and nothing answers`);
      require(serving === undefined ||
        statementsOf(state).includes(serving), "the old version answers or the new one", () =>
        `${slot} is ${state.phase}, and something else answers`);
    }
  }

  function onChange(slot: ModelName, event: SlotEvent, before: SlotState, after: SlotState): void {
    countAttempt(slot, before, after);
    together.onChange(slot, event, after);
    const [from, to] = [before.active?.statement, after.active?.statement];
    if (to === undefined || from === to) return;
    const allowed = [before.lastKnownGood?.statement, "bundle" in event ? event.bundle.statement : undefined];
    require(to === wishOf(after)?.statement ||
      allowed.includes(to), "a slot changes to its wish, or falls back to its last-known-good", () =>
      `${slot}: ${event.kind} leads from ${before.active?.version ?? "nothing"} to ${after.active?.version ?? ""}`);
  }

  function countAttempt(slot: ModelName, before: SlotState, after: SlotState): void {
    if (!isWorking(after) || after.work === before.work) return;
    const known = attempts.get(slot);
    const dayMs = nowMs();
    const today = known !== undefined && dayMs - known.dayMs < DAY_MS ? known : { dayMs, count: 0 };
    today.count += 1;
    attempts.set(slot, today);
    require(today.count <= ATTEMPTS_PER_DAY_MAX, "attempts are bounded", () =>
      `${slot}: more than ${String(ATTEMPTS_PER_DAY_MAX)} in a day`);
  }

  return { look, onChange };
}

function statementsOf(state: SlotState): readonly (StatementDigest | undefined)[] {
  const held = [state.active, state.lastKnownGood, answering(state)].map(
    (bundle: HeldBundle | null) => bundle?.statement,
  );
  return [...held, wishOf(state)?.statement];
}
