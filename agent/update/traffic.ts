/** What an update does to the traffic of the slots: for each of them in the order in which it was decided. */
import { messageOf } from "../../common/ferry-error.ts";
import type { Log } from "../../common/log.ts";
import type { ModelName, StatementDigest } from "../../protocol/ids.ts";
import type { SoakTraffic } from "../../protocol/trust/soak-traffic.ts";
import type { InferenceEngine } from "../inference/inference-engine.ts";
import type { Attempts } from "./attempts.ts";
import { QUALIFY_MS_MAX } from "./bounds.ts";
import { openLane, type Lane } from "./lane.ts";
import type { SlotEffect, SlotEvent } from "./slot-event.ts";
import type { HeldBundle } from "./state.ts";
import { heldOf, refusalOf, restoreStep, type StepPorts } from "./steps.ts";

export interface TrafficPorts extends StepPorts {
  readonly engine: StepPorts["engine"] & Pick<InferenceEngine, "turnBack" | "clear" | "slots">;
  readonly attempts: Attempts;
  /** One bundle at a time is checked or qualified. */
  readonly heavy: Lane;
  readonly dispatch: (slot: ModelName, event: SlotEvent) => void;
  readonly dispatchLater: (slot: ModelName, event: SlotEvent, afterMs: number) => void;
  readonly background: (work: Promise<unknown>) => void;
  readonly closing: AbortSignal;
  readonly log: Log;
}

/** None of these waits: what they lead to comes as an event. */
export interface Traffic {
  readonly activate: (slot: ModelName, work: number, traffic: SoakTraffic | undefined) => void;
  readonly turnBack: (slot: ModelName, effect: Extract<SlotEffect, { kind: "turn-back" }>) => void;
  readonly release: (slot: ModelName) => void;
  readonly clear: (slot: ModelName) => void;
  readonly restore: (slot: ModelName, bundle: HeldBundle) => void;
  /** Bundles that the engine is about to serve, whatever the wishes are by now. */
  readonly turningOver: ReadonlySet<StatementDigest>;
  /** Settles when all that has been asked for so far is done. */
  readonly idle: () => Promise<void>;
}

export function openTraffic(ports: TrafficPorts): Traffic {
  const { engine, attempts, heavy, dispatch, dispatchLater, background, closing, log } = ports;
  const lanes = new Map<ModelName, Lane>();
  const turningOver = new Set<StatementDigest>();

  function inOrder(slot: ModelName, work: () => Promise<void>): void {
    const lane = lanes.get(slot) ?? openLane();
    lanes.set(slot, lane);
    background(lane.run(work));
  }

  function activate(slot: ModelName, work: number, wished: SoakTraffic | undefined): void {
    const candidate = attempts.handOverRunner(attempts.of(slot, work));
    if (candidate === undefined) {
      const refusal = { code: "runner-crash", message: "The runner of this attempt is gone" } as const;
      dispatchLater(slot, { kind: "refused", work, refusal }, 0);
      return;
    }
    const { statement } = candidate.bundle;
    turningOver.add(statement);
    inOrder(slot, async () => {
      try {
        const traffic = await engine.activate(slot, candidate, wished, closing);
        dispatch(slot, { kind: "activated", work, bundle: heldOf(candidate.bundle), traffic });
      } catch (thrown) {
        await engine.discard(candidate);
        dispatch(slot, { kind: "refused", work, refusal: refusalOf(thrown, "runner-crash") });
      } finally {
        turningOver.delete(statement);
      }
    });
  }

  /** Where nothing stands by that could take the traffic, the bundle that should is brought back from the disk. */
  async function turnBack(slot: ModelName, from: HeldBundle, to: HeldBundle | null): Promise<void> {
    const there = engine.slots().find((one) => one.slot === slot);
    const served = (there?.trial ?? there)?.bundle.statement;
    if (served !== undefined && served !== from.statement) return;
    const back = served === undefined ? undefined : await turnedBack(slot);
    if (to !== null && back !== to.statement) await restore(slot, to);
  }

  async function turnedBack(slot: ModelName): Promise<StatementDigest | undefined> {
    try {
      return (await engine.turnBack(slot, closing))?.statement;
    } catch (thrown) {
      log.warn({ slot, error: messageOf(thrown) }, "what stood by does not answer; loading it from the disk");
      return undefined;
    }
  }

  async function restore(slot: ModelName, bundle: HeldBundle): Promise<void> {
    const signal = AbortSignal.any([closing, AbortSignal.timeout(QUALIFY_MS_MAX)]);
    try {
      await heavy.run(() => restoreStep(ports, slot, bundle, signal), signal);
      dispatch(slot, { kind: "restored", bundle });
    } catch (thrown) {
      dispatch(slot, { kind: "not-restored", bundle, refusal: refusalOf(thrown, "model-load") });
    }
  }

  return {
    activate,
    turnBack: (slot, { from, to }) => {
      inOrder(slot, () => turnBack(slot, from, to));
    },
    release: (slot) => {
      inOrder(slot, () => engine.release(slot));
    },
    clear: (slot) => {
      inOrder(slot, () => engine.clear(slot));
    },
    restore: (slot, bundle) => {
      inOrder(slot, () => restore(slot, bundle));
    },
    turningOver,
    idle: async () => {
      await Promise.all([...lanes.values()].map((lane) => lane.idle()));
    },
  };
}
