import { messageOf } from "../../common/ferry-error.ts";
import type { Log } from "../../common/log.ts";
import type { StatementDigest } from "../../protocol/ids.ts";
import type { StateDatabase } from "../store/state-database.ts";
import { isSettled, refusalOfState, wishOf, type SlotState } from "./state.ts";
import type { StepPorts } from "./steps.ts";

export interface TidyPorts extends Pick<StepPorts, "archives" | "bundles"> {
  readonly store: Pick<StateDatabase, "keepCopy">;
  readonly log: Log;
}

/**
 * After a slot has come to rest: the second generation of the state, and away with what no slot needs. `before` is
 * where that slot was, `states` are all slots as they are, `turningOver` are bundles that are about to have traffic.
 */
export async function tidy(
  ports: TidyPorts,
  before: SlotState,
  states: readonly SlotState[],
  turningOver: ReadonlySet<StatementDigest>,
): Promise<void> {
  try {
    ports.store.keepCopy();
  } catch (thrown) {
    ports.log.warn({ error: messageOf(thrown) }, "cannot write the copy of the state database");
  }
  const wishes = states.filter(isStillWanted).map(wishOf);
  const archive = wishOf(before)?.archive.sha256;
  if (archive !== undefined && wishes.every((wish) => wish?.archive.sha256 !== archive)) {
    await ports.archives.discard(archive);
  }
  const needed = states.flatMap((state) => [state.active?.statement, state.lastKnownGood?.statement]);
  const wished = wishes.map((wish) => wish?.statement);
  await ports.bundles.keepOnly(new Set([...turningOver, ...needed, ...wished].filter(isStatement)));
}

/** A bundle that was held back for a mate's sake is good, and goes on from the disk when the mate does. */
function isStillWanted(state: SlotState): boolean {
  return !isSettled(state) || refusalOfState(state)?.code === "slot-mate";
}

function isStatement(statement: StatementDigest | undefined): statement is StatementDigest {
  return statement !== undefined;
}
