/** Many commands of `ferry` in one process of their own: what starting each anew costs is not what such a test is about. */
import { fork, type ChildProcess } from "node:child_process";
import type { Environment, Finished } from "./programs.ts";

/** What goes to the process of the commands. */
export interface FerryCommand {
  readonly args: readonly string[];
  readonly env: Environment;
}

let kept: ChildProcess | undefined;
let last: Promise<unknown> = Promise.resolve();

/** As `runProgram("ferry", …)`, one after the other in a process that ends with this one. Not for what runs until it is stopped. */
export function runFerry(args: readonly string[], env: Environment = {}): Promise<Finished> {
  const finished = last.then(() => ask((kept ??= start()), { args, env }));
  last = finished.catch(() => undefined);
  return finished;
}

function start(): ChildProcess {
  const child = fork(new URL("./ferry-commands-process.ts", import.meta.url), {
    env: { ...process.env, NO_COLOR: "1" },
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  child.unref();
  return child;
}

/** The process holds this one only while it is asked something. */
async function ask(child: ChildProcess, command: FerryCommand): Promise<Finished> {
  const { promise, resolve, reject } = Promise.withResolvers<Finished>();
  const ended = () => {
    reject(new Error(`the process of the commands ended in: ferry ${command.args.join(" ")}`));
  };
  child.once("exit", ended);
  // The process is the file beside this one.
  child.once("message", (answer) => {
    resolve(answer as Finished);
  });
  child.channel?.ref();
  child.send(command);
  try {
    return await promise;
  } finally {
    child.off("exit", ended);
    child.channel?.unref();
  }
}
