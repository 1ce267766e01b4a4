/** Follows a rollout: redrawn in place on a terminal, a line for each change elsewhere. Ctrl-C ends only the watching. */
import { systemClock } from "../../common/clock.ts";
import { EXIT, type ExitCode } from "../../common/ferry-error.ts";
import type { Client } from "../http/client.ts";
import type { RolloutDetail } from "../http/rollout-routes.ts";
import { stopSignal } from "./context.ts";
import { printOne, say, type OutputFormat } from "./output.ts";
import { redrawing } from "./redrawing.ts";
import { countsText, describeRollout, devicesShown } from "./rollout-text.ts";

/** Fast enough to look live, slow enough for a controller with many watchers. */
const LOOK_EVERY_MS = 500;

export interface WatchOptions {
  readonly format: OutputFormat;
  /** Undefined: for as long as it takes. */
  readonly timeoutMs: number | undefined;
}

/** 0 completed, 1 failed, 6 superseded, 124 when the time is over, 130 after Ctrl-C. */
export async function watchRollout(client: Client, id: number, { format, timeoutMs }: WatchOptions): Promise<ExitCode> {
  const stop = stopSignal();
  const deadlineMs = systemClock.monotonicMs() + (timeoutMs ?? Infinity);
  const screen = format === "table" && process.stdout.isTTY ? redrawn() : appending(format);
  for (;;) {
    const detail = await client.getRollout({ params: { id }, query: { devices: devicesShown(format) } });
    screen.show(detail);
    const code = exitOf(detail.rollout.state);
    if (code !== undefined) {
      screen.end(detail);
      return code;
    }
    if (stop.aborted) {
      say(`\nstopped watching; the rollout goes on. Look again with: ferry rollout status ${id} -w`);
      return EXIT.interrupted;
    }
    if (systemClock.monotonicMs() > deadlineMs) {
      screen.end(detail);
      say(`error: rollout ${id} was not finished in time; it goes on. See why: ferry rollout status ${id}`);
      return EXIT.timedOut;
    }
    await systemClock.sleep(LOOK_EVERY_MS, stop);
  }
}

function exitOf(state: RolloutDetail["rollout"]["state"]): ExitCode | undefined {
  switch (state) {
    case "running":
    case "paused":
    case "rolling-back":
      return undefined;
    case "completed":
      return EXIT.ok;
    case "failed":
    case "aborted":
    case "rolled-back":
      return EXIT.failed;
    case "superseded":
      return EXIT.conflict;
  }
}

interface Screen {
  readonly show: (detail: RolloutDetail) => void;
  readonly end: (detail: RolloutDetail) => void;
}

function redrawn(): Screen {
  const picture = redrawing();
  return {
    show: (detail) => {
      picture.show(describeRollout(detail));
    },
    end: () => undefined,
  };
}

function stageLine({ state, stage, stages, phase }: RolloutDetail["rollout"]): string | null {
  if (stages === 1 && phase === "deploying") return null;
  return state === "running" ? `stage ${stage + 1}/${stages} ${phase}` : `stage ${stage + 1}/${stages}`;
}

function appending(format: OutputFormat): Screen {
  const said = new Map<string, string>();
  return {
    show: ({ rollout, devices }) => {
      for (const { device, state, why } of devices) {
        const line = `${device}: ${state}${why === null ? "" : `, ${why}`}`;
        if (said.get(device) !== line) say(line);
        said.set(device, line);
      }
      const line = [
        `rollout ${rollout.id}: ${rollout.state}`,
        stageLine(rollout),
        countsText(rollout.counts),
        rollout.why,
      ]
        .filter((part) => part !== null)
        .join(", ");
      if (said.get("") !== line) say(line);
      said.set("", line);
    },
    end: (detail) => {
      printOne(detail, format, () => describeRollout(detail), String(detail.rollout.id));
    },
  };
}
