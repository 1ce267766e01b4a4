/**
 * Starts runners from a process that holds almost no memory. `fork` copies the page tables of its caller, and each page is
 * copied when the caller next writes to it: an agent of 135 MB stood still for 8 ms at each start of a runner, and answered
 * no request meanwhile. A shell of 1 MB does it beside the agent (decision 0028).
 *
 * The shell reads commands from its standard input and reports on its standard output: `started N PID`, `ended N STATUS`. A
 * runner connects to a socket that is there for it alone, in a folder that only this user may enter.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, Socket } from "node:net";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { messageOf } from "../../../common/ferry-error.ts";
import type { Log } from "../../../common/log.ts";
import { logStandardError, ownProcessEnvironment } from "../../../common/own-process.ts";
import { lowerPriority, servingPriority } from "../../hardware/process-priority.ts";
import { CHANNEL_VARIABLE } from "./runner-channel.ts";
import {
  RUNNER_WROTE,
  startAsChild,
  type RunnerCommand,
  type RunnerProcess,
  type StartProcess,
} from "./runner-process.ts";

export interface ForkServer extends Disposable {
  readonly start: StartProcess;
}

const SHELL = "/bin/sh";
/** Two forks of a small process, on a board that has other work. */
const START_MS_MAX = 10_000;
/** A process whose channel has closed is ending; the shell says so at once, unless somebody killed it. */
const REPORT_MS_MAX = 1_000;

/** The shell is started with the first runner. Where there is none, or it fails, runners are children of this process. */
export function openForkServer(log: Log, file = SHELL): ForkServer {
  let shell: Shell | undefined;
  return {
    start: async (command, runnerLog) => {
      if (shell?.isGone !== false) shell = new Shell(file, log);
      try {
        return await shell.start(command);
      } catch (error) {
        log.info(
          { error: messageOf(error) },
          "a runner is started by the agent itself, which stands still for some milliseconds",
        );
        return startAsChild(command, runnerLog);
      }
    },
    [Symbol.dispose]: () => shell?.end(),
  };
}

interface Start {
  readonly file: string;
  readonly pid: PromiseWithResolvers<number>;
  readonly ended: PromiseWithResolvers<string>;
}

class Shell {
  readonly #child;
  readonly #starts = new Map<number, Start>();
  readonly #pids = new Map<number, number>();
  readonly #logStandardErrorAnew: () => void;
  #nextId = 1;
  #isGone = false;

  constructor(file: string, log: Log) {
    this.#child = spawn(file, ["-s", "starts-runners"], {
      stdio: ["pipe", "pipe", "pipe"],
      env: ownProcessEnvironment(),
    });
    const { pid, stdin, stdout, stderr } = this.#child;
    // Its children have it from there.
    if (pid !== undefined) lowerPriority(pid, servingPriority());
    this.#logStandardErrorAnew = logStandardError(stderr, (said) => {
      // They share it: which of them wrote cannot be told.
      log.warn({ pids: [...this.#pids.values()], ...said }, RUNNER_WROTE);
    });
    const onGone = (why: string) => {
      this.#isGone = true;
      for (const start of this.#starts.values()) start.pid.reject(new Error(why));
    };
    this.#child.once("error", (error) => {
      onGone(messageOf(error));
    });
    this.#child.once("exit", () => {
      onGone("The shell that starts runners has ended");
    });
    stdin.on("error", () => undefined);
    createInterface({ input: stdout }).on("line", (line) => {
      this.#onReport(line);
    });
    // As runners: only the agent decides when they end.
    stdin.write("trap '' HUP INT QUIT TERM\n");
    this.#hold(false);
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  /** Throws where it does not come to the start. */
  async start(command: RunnerCommand): Promise<RunnerProcess> {
    const door = await openDoor();
    const id = this.#nextId++;
    const start: Start = { file: command.file, pid: Promise.withResolvers(), ended: Promise.withResolvers() };
    this.#starts.set(id, start);
    this.#hold(true);
    this.#logStandardErrorAnew();
    try {
      if (this.#isGone) throw new Error("The shell that starts runners has ended");
      this.#child.stdin.write(startLine(id, door.path, command));
      const late = setTimeout(() => {
        start.pid.reject(new Error(`The shell that starts runners did not answer within ${START_MS_MAX} ms`));
      }, START_MS_MAX);
      const pid = await start.pid.promise.finally(() => {
        clearTimeout(late);
      });
      void start.ended.promise.then(() => {
        this.#forget(id);
      });
      return processOf(pid, door, start);
    } catch (error) {
      // What comes up nevertheless finds nobody there, or is turned out, and ends.
      door.close();
      void door.channel.then((channel) => channel.destroy());
      this.#forget(id);
      this.end();
      throw error;
    }
  }

  /** Runners go on: each of them has a shell of its own that waits for it. */
  end(): void {
    this.#isGone = true;
    this.#child.stdin.end();
  }

  #onReport(line: string): void {
    const [what, id, value] = line.split(" ");
    const start = this.#starts.get(Number(id));
    if (what === "started") {
      this.#pids.set(Number(id), Number(value));
      start?.pid.resolve(Number(value));
    }
    if (what !== "ended") return;
    start?.ended.resolve(inWords(Number(value), start.file));
    // Else the shell that waited for it would stay as a zombie.
    if (!this.#isGone) this.#child.stdin.write(`wait $s${String(id)}; unset s${String(id)}\n`);
  }

  #forget(id: number): void {
    this.#starts.delete(id);
    this.#pids.delete(id);
    if (this.#starts.size === 0) this.#hold(false);
  }

  /** It keeps this process alive while somebody waits for what it reports, and not otherwise. */
  #hold(isHeld: boolean): void {
    const { stdin, stdout, stderr } = this.#child;
    for (const stream of [stdin, stdout, stderr]) {
      if (!(stream instanceof Socket)) continue;
      if (isHeld) stream.ref();
      else stream.unref();
    }
    if (!isHeld) this.#child.unref();
  }
}

function processOf(pid: number, door: Door, { ended }: Start): RunnerProcess {
  let isOver = false;
  void ended.promise.then(() => {
    isOver = true;
    door.close();
  });
  const kill = () => {
    if (!isOver) killIfThere(pid);
  };
  void door.channel.then((channel) => {
    channel.once("close", () => {
      setTimeout(() => {
        kill();
        ended.resolve("it closed its channel");
      }, REPORT_MS_MAX).unref();
    });
  });
  return { pid, channel: door.channel, ended: ended.promise, kill };
}

/** A shell that waits for the runner and says how it ended. */
function startLine(id: number, path: string, { file, args }: RunnerCommand): string {
  const words = [file, ...args].map(quoted).join(" ");
  const runner = `${CHANNEL_VARIABLE}=${quoted(path)} ${words} </dev/null >/dev/null`;
  return `(${runner} & echo "started ${String(id)} $!"; wait $!; echo "ended ${String(id)} $?") & s${String(id)}=$!\n`;
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** As the shell command language has it: 127 and 126 where a program could not be run, 128 and the signal's number where it was killed. */
function inWords(status: number, file: string): string {
  if (status === 127) return `it could not be run: there is no program ${file}`;
  if (status === 126) return `it could not be run: the system does not execute ${file}`;
  const signal = Object.entries(constants.signals).find(([, number]) => number === status - 128)?.[0];
  return signal === undefined ? `it exited with code ${status}` : `it was ended by ${signal}`;
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended: the report is on its way.
  }
}

/** Where one runner comes in. */
interface Door {
  readonly path: string;
  readonly channel: Promise<Socket>;
  /** What came in stays. */
  readonly close: () => void;
}

/** `mkdtemp` gives the folder to this user alone. */
async function openDoor(): Promise<Door> {
  const folder = await mkdtemp(join(tmpdir(), "ferry-runner-"));
  const path = join(folder, "channel");
  const server = createServer();
  const close = () => {
    server.close();
    void rm(folder, { recursive: true, force: true }).catch(() => undefined);
  };
  const channel = new Promise<Socket>((resolve) => {
    server.once("connection", (socket: Socket) => {
      close();
      resolve(socket);
    });
  });
  try {
    await once(server.listen(path), "listening");
  } catch (error) {
    close();
    throw error;
  }
  return { path, channel, close };
}
