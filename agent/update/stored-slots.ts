/** What the disk knows of the slots, and the same in memory. */
import { messageOf } from "../../common/ferry-error.ts";
import type { Log } from "../../common/log.ts";
import type { ModelName } from "../../protocol/ids.ts";
import type { StateDatabase } from "../store/state-database.ts";
import { poisonsAfter, type Poison } from "./poison.ts";
import type { Step } from "./slot-event.ts";
import type { SlotState } from "./state.ts";

export interface StoredSlots {
  readonly all: ReadonlyMap<ModelName, SlotState>;
  /** What failed here for good. */
  readonly poisons: () => readonly Poison[];
  /** In one transaction; false where the disk does not take it, and then nothing has changed. */
  readonly save: (slot: ModelName, step: Step, nowMs: number) => boolean;
}

export function openStoredSlots(
  store: Pick<StateDatabase, "slots" | "poisons" | "saveSlot" | "removeSlot">,
  log: Log,
): StoredSlots {
  const all = new Map(store.slots());
  let poisons = store.poisons();
  return {
    all,
    poisons: () => poisons,
    save: (slot, { next, poison }, nowMs) => {
      const changed = poison === undefined ? undefined : poisonsAfter(poisons, poison, nowMs);
      try {
        if (next.phase === "idle") store.removeSlot(slot);
        else store.saveSlot(slot, next, changed);
      } catch (thrown) {
        log.error({ slot, error: messageOf(thrown) }, "cannot store the state of a slot; trying again");
        return false;
      }
      poisons = changed ?? poisons;
      // What came and went leaves nothing behind: a device is not slowed down by the models that it once served.
      if (next.phase === "idle") all.delete(slot);
      else all.set(slot, next);
      return true;
    },
  };
}
