import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { LoadAnswer } from "./swap-load.ts";

/** A steady load on the digits of one agent, from a process of its own; `stop` gives every answer. */
export function startSwapLoad(url: string, perSecond: number): { readonly stop: () => Promise<LoadAnswer[]> } {
  const clients = fork(fileURLToPath(new URL("swap-load.ts", import.meta.url)), [url, String(perSecond)], {
    execArgv: ["--disable-warning=ExperimentalWarning"],
  });
  return {
    stop: async () => {
      const answered = once(clients, "message");
      clients.send("stop");
      const [answers] = (await answered) as [LoadAnswer[]];
      return answers;
    },
  };
}
