import type { Log } from "../../common/log.ts";
import type { VerifiedBundle } from "./inference-engine.ts";
import { warmUp, type WarmModel } from "./qualify.ts";
import { RunnerGone, startRunner, type Runner, type RunnerCommand } from "./runner.ts";

export interface LoadPorts {
  readonly command: RunnerCommand;
  /** Asked after each load, before the model gets any request: throws where its files are not the verified ones any more. */
  readonly confirm: ((bundle: VerifiedBundle) => Promise<void>) | undefined;
  readonly intraOpThreads: number;
  readonly log: Log;
}

export interface LoadedRunner {
  readonly runner: Runner;
  readonly warm: WarmModel;
}

/**
 * A fresh process with the model loaded, warm, and confirmed to be the bytes that were verified. Leaves no process behind
 * where it throws: Refused, what `confirm` throws, RunnerGone where the signal aborts.
 */
export async function loadRunner(
  { command, confirm, intraOpThreads, log }: LoadPorts,
  bundle: VerifiedBundle,
  signal: AbortSignal,
): Promise<LoadedRunner> {
  const runner = await startRunner(command, log);
  using _killing = killOnAbort(runner, signal);
  try {
    const warm = await warmUp(runner, bundle, intraOpThreads).finally(() => confirm?.(bundle));
    if (signal.aborted) throw new RunnerGone("It was stopped");
    return { runner, warm };
  } catch (error) {
    runner.kill();
    await runner.ended;
    throw error;
  }
}

/** Until it is disposed of. */
export function killOnAbort({ kill }: Runner, signal: AbortSignal): Disposable {
  if (signal.aborted) kill();
  signal.addEventListener("abort", kill, { once: true });
  return {
    [Symbol.dispose]: () => {
      signal.removeEventListener("abort", kill);
    },
  };
}
