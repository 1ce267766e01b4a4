/** What `agent/update/traffic.ts` does, in virtual time: for each slot in the order in which it was decided. */
import type { ModelName } from "../../protocol/ids.ts";
import type { Refusal } from "../../protocol/trust/refusal.ts";
import type { DeployedSlot } from "../../protocol/trust/deployment.ts";
import { BundleRefused } from "../../protocol/trust/model-signing.ts";
import type { SlotEvent } from "../../agent/update/slot-event.ts";
import type { HeldBundle } from "../../agent/update/state.ts";
import { checkModel } from "../../agent/update/verify-bundle.ts";
import { between } from "./random.ts";
import type { VirtualBundle } from "./virtual-bundle.ts";
import type { VirtualDisk } from "./virtual-disk.ts";
import type { VirtualEngine } from "./virtual-engine.ts";

export interface TrafficPorts {
  readonly disk: VirtualDisk;
  readonly engine: VirtualEngine;
  readonly random: () => number;
  readonly after: (ms: number, act: () => void) => void;
  readonly dispatch: (slot: ModelName, event: SlotEvent) => void;
}

export interface VirtualTraffic {
  readonly activate: (slot: ModelName, work: number, wish: DeployedSlot) => void;
  readonly turnBack: (slot: ModelName, from: HeldBundle, to: HeldBundle | null) => void;
  readonly release: (slot: ModelName) => void;
  readonly clear: (slot: ModelName) => void;
  readonly restore: (slot: ModelName, bundle: HeldBundle) => void;
  /** Bundles that the engine is about to serve, whatever the wishes are by now. */
  readonly turningOver: ReadonlySet<HeldBundle["statement"]>;
  /** Something that was asked for is not done yet. */
  readonly isBusy: (slot: ModelName) => boolean;
  readonly whenIdle: (act: () => void) => void;
}

export const TRAITS = { hardwareClasses: ["linux-x64"], agentVersion: "0.1.0" };

interface Task {
  readonly ms: number;
  readonly act: () => void;
}

export function createTraffic({ disk, engine, random, after, dispatch }: TrafficPorts): VirtualTraffic {
  /** The first of each lane is under way. */
  const lanes = new Map<ModelName, Task[]>();
  const turningOver = new Set<HeldBundle["statement"]>();
  let whenIdle: (() => void)[] = [];

  function inOrder(slot: ModelName, ms: number, act: () => void): void {
    const lane = lanes.get(slot) ?? [];
    lanes.set(slot, lane);
    lane.push({ ms, act });
    if (lane.length === 1) runFirst(slot, lane);
  }

  function runFirst(slot: ModelName, lane: Task[]): void {
    const [task] = lane;
    if (task === undefined) {
      lanes.delete(slot);
      tellIdle();
      return;
    }
    after(task.ms, () => {
      task.act();
      lane.shift();
      runFirst(slot, lane);
    });
  }

  function tellIdle(): void {
    if (lanes.size > 0) return;
    const acts = whenIdle;
    whenIdle = [];
    for (const act of acts) act();
  }

  /** Read from the disk, checked and qualified as if it were new. */
  function restoreNow(slot: ModelName, held: HeldBundle): void {
    const bundle = disk.bundles.get(held.statement);
    const refusal = bundle === undefined ? DAMAGED : (refusalOf(held, bundle) ?? engine.qualify(bundle));
    if (bundle === undefined || refusal !== undefined) {
      dispatch(slot, { kind: "not-restored", bundle: held, refusal: refusal ?? DAMAGED });
      return;
    }
    engine.activate(slot, bundle);
    engine.release(slot);
    dispatch(slot, { kind: "restored", bundle: held });
  }

  function refusalOf(held: HeldBundle, { model }: VirtualBundle): Refusal | undefined {
    return refusedModel(() => {
      checkModel(model, { wish: held, rollbackIndex: disk.rollbackIndex.get(held.model) ?? 0, traits: TRAITS });
    });
  }

  return {
    activate: (slot, work, { statement, traffic: wished }) => {
      turningOver.add(statement);
      inOrder(slot, between(random, 5, 200), () => {
        const bundle = disk.bundles.get(statement);
        turningOver.delete(statement);
        if (bundle === undefined) {
          dispatch(slot, { kind: "refused", work, refusal: { code: "runner-crash", message: "the runner is gone" } });
          return;
        }
        const traffic = engine.activate(slot, bundle, wished);
        dispatch(slot, { kind: "activated", work, bundle: heldOf(bundle), traffic });
      });
    },
    turnBack: (slot, from, to) => {
      inOrder(slot, 5, () => {
        const served = engine.newest(slot)?.slot.statement;
        if (served !== undefined && served !== from.statement) return;
        const back = served === undefined ? undefined : engine.turnBack(slot)?.slot.statement;
        if (to !== null && back !== to.statement) restoreNow(slot, to);
      });
    },
    release: (slot) => {
      inOrder(slot, 5, () => {
        engine.release(slot);
      });
    },
    clear: (slot) => {
      inOrder(slot, 5, () => {
        engine.clear(slot);
      });
    },
    restore: (slot, bundle) => {
      inOrder(slot, between(random, 500, 20_000), () => {
        restoreNow(slot, bundle);
      });
    },
    turningOver,
    isBusy: (slot) => lanes.has(slot),
    whenIdle: (act) => {
      if (lanes.size === 0) act();
      else whenIdle.push(act);
    },
  };
}

const DAMAGED: Refusal = { code: "bundle-file-digest", message: "a file of the bundle has changed" };

/** What `check` refuses, as a value. */
export function refusedModel(check: () => void): Refusal | undefined {
  try {
    check();
    return undefined;
  } catch (thrown) {
    if (thrown instanceof BundleRefused) return { code: thrown.code, message: thrown.message };
    throw thrown;
  }
}

function heldOf({ slot: { model, version, statement }, model: { rollbackIndex } }: VirtualBundle): HeldBundle {
  return { model, version, statement, rollbackIndex };
}
