/** Follows an experiment: redrawn in place on a terminal, a line for each new verdict elsewhere. Ctrl-C ends only the watching. */
import { systemClock } from "../../common/clock.ts";
import { EXIT, type ExitCode } from "../../common/ferry-error.ts";
import type { Client } from "../http/client.ts";
import { stopSignal } from "./context.ts";
import { describeExperiment } from "./experiment-text.ts";
import { experimentName } from "./ids.ts";
import { printOne, say } from "./output.ts";
import { redrawing } from "./redrawing.ts";
import type { WatchOptions } from "./watch-rollout.ts";

/** The controller counts every five seconds. */
const LOOK_EVERY_MS = 2_000;

/** 0 when it has ended, 124 when the time is over, 130 after Ctrl-C. */
export async function watchExperiment(
  client: Client,
  name: string,
  { format, timeoutMs }: WatchOptions,
): Promise<ExitCode> {
  const stop = stopSignal();
  const deadlineMs = systemClock.monotonicMs() + (timeoutMs ?? Infinity);
  const screen = format === "table" && process.stdout.isTTY ? redrawing() : undefined;
  let said = "";
  for (;;) {
    const detail = await client.getExperiment({ params: { experiment: experimentName(name) } });
    const { experiment, results } = detail;
    screen?.show(describeExperiment(detail));
    if (screen === undefined && said !== results.verdict) say(results.verdict);
    said = results.verdict;
    const isOver = experiment.state !== "running";
    const isLate = systemClock.monotonicMs() > deadlineMs;
    if (isOver || isLate) {
      if (screen === undefined) printOne(detail, format, () => describeExperiment(detail), experiment.name);
      if (isOver) return EXIT.ok;
      say(`error: experiment ${experiment.name} has not ended in time; it goes on`);
      return EXIT.timedOut;
    }
    if (stop.aborted) {
      say(`\nstopped watching; the experiment goes on. Look again with: ferry experiment status ${experiment.name} -w`);
      return EXIT.interrupted;
    }
    await systemClock.sleep(LOOK_EVERY_MS, stop);
  }
}
