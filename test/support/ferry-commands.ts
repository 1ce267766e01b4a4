/** Many commands of `ferry` in one process of their own: what starting each anew costs is not what such a test is about. */
import { fork } from "node:child_process";
import { once } from "node:events";
import type { Environment, Finished } from "./programs.ts";

export interface FerryCommands extends AsyncDisposable {
  /** One after the other. */
  readonly ferry: (...args: string[]) => Promise<Finished>;
}

export function openFerryCommands(env: Environment): FerryCommands {
  const child = fork(new URL("./ferry-commands-process.ts", import.meta.url), {
    env: { ...process.env, NO_COLOR: "1", ...env },
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const exited = once(child, "exit");
  let waiting: PromiseWithResolvers<Finished> | undefined;
  let last: Promise<unknown> = Promise.resolve();
  // The process is the file beside this one.
  child.on("message", (answer) => waiting?.resolve(answer as Finished));
  child.on("exit", () => waiting?.reject(new Error("the process of the commands has ended")));
  return {
    ferry: (...args) => {
      const finished = last.then(() => {
        waiting = Promise.withResolvers();
        child.send(args);
        return waiting.promise;
      });
      last = finished.catch(() => undefined);
      return finished;
    },
    [Symbol.asyncDispose]: async () => {
      child.disconnect();
      await exited;
    },
  };
}
