/** The process of a runner, as a child of the agent or of its fork server. */
import { spawn } from "node:child_process";
import { Socket } from "node:net";
import { fileURLToPath } from "node:url";
import type { Log } from "../../../common/log.ts";
import { logStandardError, ownProcessEnvironment } from "../../../common/own-process.ts";
import { packagedProgram } from "../../../common/packaged-program.ts";
import { lowerPriority, servingPriority } from "../../hardware/process-priority.ts";

export interface RunnerProcess {
  readonly pid: number;
  /** Resolves when messages can be sent; never where the process ends before that. */
  readonly channel: Promise<Socket>;
  /** Resolves when the process is gone, with why; never rejects. */
  readonly ended: Promise<string>;
  readonly kill: () => void;
}

/** Throws RunnerGone where the system cannot start it. */
export type StartProcess = (command: RunnerCommand, log: Log) => Promise<RunnerProcess>;

/** How a runner is started: a packaged executable starts itself with an argument of its own. */
export interface RunnerCommand {
  readonly file: string;
  readonly args: readonly string[];
}

/**
 * A young generation of 2 MB: a runner's tensors lie outside of it, and what is left of messages is collected early. A
 * runner of a model of pictures held 8 to 13 % less memory with it.
 */
export const RUNNER_COMMAND: RunnerCommand = packagedProgram()?.command("runner") ?? {
  file: process.execPath,
  args: [
    "--disable-warning=ExperimentalWarning",
    "--max-semi-space-size=2",
    fileURLToPath(new URL("runner-main.ts", import.meta.url)),
  ],
};

/** The process ended, by itself or killed, before it answered. */
export class RunnerGone extends Error {
  override readonly name = "RunnerGone";
}

/** A child of this process, which stands still for as long as `fork` takes: `fork-server.ts` says how long that is. */
export const startAsChild: StartProcess = async (command, log) => {
  const child = spawn(command.file, command.args, {
    // The fourth is the channel: `runner-channel.ts` finds it as descriptor 3.
    stdio: ["ignore", "ignore", "pipe", "pipe"],
    env: ownProcessEnvironment(),
  });
  const { pid } = child;
  const ended = new Promise<string>((resolve) => {
    child.once("exit", (code, signal) => {
      resolve(signal === null ? `it exited with code ${code ?? -1}` : `it was ended by ${signal}`);
    });
    child.once("error", (error) => {
      resolve(`it could not be run: ${error.message}`);
    });
  });
  if (pid !== undefined) lowerPriority(pid, servingPriority());
  logStandardError(child.stderr, (said) => {
    log.warn({ pid, ...said }, RUNNER_WROTE);
  });
  const channel = child.stdio[3];
  if (pid === undefined || !(channel instanceof Socket)) {
    throw new RunnerGone(`The runner process ended: ${await ended}`);
  }
  const kill = () => void child.kill("SIGKILL");
  return { pid, channel: Promise.resolve(channel), ended, kill };
};

export const RUNNER_WROTE = "a runner wrote to standard error";
