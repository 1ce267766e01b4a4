import type { Clock } from "../../../common/clock.ts";
import type { Log } from "../../../common/log.ts";
import { keepsEngines } from "../../../common/onnx-provider.ts";
import type { MemoryGroups } from "../../hardware/memory-groups.ts";
import { keepInBackground, mayRestorePriority, restorePriority } from "../../hardware/process-priority.ts";
import type { Processor } from "../../processing/processor.ts";
import type { EngineCache } from "./engine-cache.ts";
import type { VerifiedBundle } from "../inference-engine.ts";
import type { LoadChoice } from "./load-choice.ts";
import { warmUp, type WarmRunner } from "./qualify.ts";
import { RunnerGone, type RunnerCommand, type StartProcess } from "../runner/runner-process.ts";
import { startRunner, type Runner } from "../runner/runner.ts";

export interface LoadPorts {
  readonly command: RunnerCommand;
  /** How a process is started. */
  readonly start: StartProcess;
  readonly groups: MemoryGroups | undefined;
  /** Asked after each load, before the model gets any request: throws where its files are not the verified ones any more. */
  readonly confirm: ((bundle: VerifiedBundle) => Promise<void>) | undefined;
  readonly engines: EngineCache;
  /** Where the choice says nothing else. */
  readonly intraOpThreads: number;
  /** Decodes the pictures and sounds of golden sets. */
  readonly processor: Pick<Processor, "prepare">;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Most models are loaded within it, and beside a model that takes all of the processor nothing is: a larger one, or one on
 * a busy board, then goes on with an equal share, far from its deadline.
 */
const BACKGROUND_MS_MAX = 5_000;

/**
 * A fresh process with the model loaded, warm, and confirmed to be the bytes that were verified. Leaves no process behind
 * where it throws: Refused, what `confirm` throws, RunnerGone where the signal aborts.
 */
export async function loadRunner(
  { command, start, groups, confirm, engines, intraOpThreads, processor, log }: LoadPorts,
  bundle: VerifiedBundle,
  choice: LoadChoice,
  signal: AbortSignal,
  onStart: (runner: Runner) => void = () => undefined,
): Promise<WarmRunner> {
  const engineFolder = keepsEngines(choice.provider) ? await engines.folderFor(bundle, choice) : undefined;
  const settings = { ...choice.settings, ...(engineFolder === undefined ? {} : { engineFolder }) };
  const threads = choice.intraOpThreads ?? intraOpThreads;
  const runner = await startRunner(command, log, { start, groups });
  onStart(runner);
  using _killing = killOnAbort(runner, signal);
  try {
    const warming = warmUp(runner, bundle, { ...choice, settings }, { intraOpThreads: threads, processor });
    const warm = await warming.finally(() => confirm?.(bundle));
    if (signal.aborted) throw new RunnerGone("It was stopped");
    return { choice, runner, warm };
  } catch (error) {
    runner.kill();
    await runner.ended;
    throw error;
  }
}

/**
 * The same, beside a version that answers: that one's requests come first while this one loads and warms up. From then on
 * both are equal, so that what is measured is what will be.
 */
export async function loadBeside(
  ports: LoadPorts,
  bundle: VerifiedBundle,
  choice: LoadChoice,
  signal: AbortSignal,
): Promise<WarmRunner> {
  if (!mayRestorePriority()) return loadRunner(ports, bundle, choice, signal);
  const over = new AbortController();
  const loaded = await loadRunner(ports, bundle, choice, signal, ({ pid }) => {
    keepInBackground(pid);
    void ports.clock.sleep(BACKGROUND_MS_MAX, over.signal).then(() => {
      if (!over.signal.aborted) restorePriority(pid);
    });
  }).finally(() => {
    over.abort();
  });
  if (restorePriority(loaded.runner.pid)) return loaded;
  // A sandbox may refuse what its limits seem to allow: a runner that stays in the background would be slow for ever.
  loaded.runner.kill();
  await loaded.runner.ended;
  return loadRunner(ports, bundle, choice, signal);
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
