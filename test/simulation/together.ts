/** The promise that the slots of one deployment change together: no lasting mix of its old and its new versions. */
import type { ModelName } from "../../protocol/ids.ts";
import { answering, type SlotState } from "../../agent/update/state.ts";
import type { SlotEvent } from "../../agent/update/slot-event.ts";
import { Violation } from "./violation.ts";

export interface TogetherWatch {
  readonly onChange: (slot: ModelName, event: SlotEvent, after: SlotState) => void;
  readonly startOver: () => void;
  readonly look: (slots: ReadonlyMap<ModelName, SlotState>) => void;
}

/** The traffic of one slot is turned over after that of the other, and back again should that fail: moments, not minutes. */
const MIXED_MS_MAX = 600_000;

export function watchTogether(device: string, nowMs: () => number): TogetherWatch {
  /** The deployment with which a slot's traffic was last turned over to its wish. */
  const turnedWith = new Map<ModelName, number>();
  /** Since when the slots of a deployment are mixed. */
  const mixedSinceMs = new Map<number, number>();

  return {
    startOver: () => {
      mixedSinceMs.clear();
    },
    onChange: (slot, event, after) => {
      if (after.phase === "soaking") turnedWith.set(slot, after.seq);
      // It has gone back: should it come to its wish some day, that is another turn.
      if (after.phase === "rolled-back") turnedWith.delete(slot);
      // A committed version that is lost later falls back alone: what fits it is not known on the device.
      if (event.kind === "lost" || event.kind === "not-restored" || after.phase === "idle") turnedWith.clear();
    },
    look: (slots) => {
      const mixed = new Map<number, string>();
      for (const [slot, state] of slots) {
        if (!hasTurned(state) || turnedWith.get(slot) !== state.seq || !answersWish(state)) continue;
        const other = [...slots].find(([, one]) => isOld(one, state.seq));
        if (other !== undefined) mixed.set(state.seq, `${slot} has changed, and ${other[0]} is ${other[1].phase}`);
      }
      for (const seq of mixedSinceMs.keys()) if (!mixed.has(seq)) mixedSinceMs.delete(seq);
      for (const [seq, text] of mixed) {
        const sinceMs = mixedSinceMs.get(seq) ?? nowMs();
        mixedSinceMs.set(seq, sinceMs);
        if (nowMs() - sinceMs <= MIXED_MS_MAX) continue;
        throw new Violation(
          "slots of one deployment change together",
          `${device}: with deployment ${String(seq)} ${text}`,
        );
      }
    },
  };
}

/** A slot that went back answers with its former, which may happen to be what it was wished: a loss had made it so before. */
function hasTurned(state: SlotState): state is Extract<SlotState, { phase: "soaking" | "committed" }> {
  return state.phase === "soaking" || state.phase === "committed";
}

/** Something else answers than the wish that came with this deployment. A slot that had nothing before has nothing old. */
function isOld(state: SlotState, seq: number): boolean {
  return state.phase !== "idle" && state.seq === seq && answering(state) !== null && !answersWish(state);
}

function answersWish(state: SlotState): boolean {
  return state.phase !== "idle" && answering(state)?.statement === state.wish.statement;
}
