import type { Clock } from "../../../common/clock.ts";
import type { ModelJson } from "../../../protocol/bundle/model-json.ts";
import type { Runner } from "./runner.ts";

/** The budget is held at the golden inputs; requests may be larger, but a model that takes half as much again leaks. */
export const MEMORY_OVERRUN_FACTOR = 1.5;
/** Reading one line of /proc a second costs nothing, and a model that grows faster than that meets the system's own limit. */
const WATCH_MS = 1_000;

/** What a runner of this model may hold; undefined where its publisher promised nothing. */
export function memoryLimitBytes({ budgets }: ModelJson): number | undefined {
  return budgets?.memoryBytes === undefined ? undefined : budgets.memoryBytes * MEMORY_OVERRUN_FACTOR;
}

/**
 * Resolves when the process is gone, with why; it is killed where it holds more than the limit, by the kernel at once, or
 * where that cannot be asked, by the agent within a second. Never rejects.
 */
export async function endedWithin(limitBytes: number | undefined, runner: Runner, clock: Clock): Promise<string> {
  if (limitBytes === undefined) return runner.ended;
  if (runner.memoryGroup?.limit(limitBytes) === true) return runner.ended;
  const over = new AbortController();
  let excess: string | undefined;
  const watch = async () => {
    while (!over.signal.aborted && excess === undefined) {
      await clock.sleep(WATCH_MS, over.signal);
      const heldBytes = runner.residentBytes();
      if (heldBytes <= limitBytes) continue;
      excess = `it was killed because it held ${megabytes(heldBytes)}, ${MEMORY_OVERRUN_FACTOR} times its budget are ${megabytes(limitBytes)}`;
      runner.kill();
    }
  };
  const watching = watch();
  const why = await runner.ended;
  over.abort();
  await watching;
  return excess ?? why;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
