import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mosquittoPath, openMosquitto } from "../../test/support/mosquitto.ts";

export interface BenchBroker extends AsyncDisposable {
  readonly name: "embedded" | "mosquitto";
  readonly url: string;
  readonly pid: number;
}

export const BROKER_NAMES = ["embedded", "mosquitto"] as const;

/** Undefined where it is not installed. */
export async function openBroker(name: BenchBroker["name"]): Promise<BenchBroker | undefined> {
  if (name === "embedded") return openEmbedded();
  if (mosquittoPath === undefined) return undefined;
  const mosquitto = await openMosquitto();
  return {
    name,
    url: mosquitto.url,
    pid: mosquitto.pid,
    [Symbol.asyncDispose]: () => mosquitto[Symbol.asyncDispose](),
  };
}

async function openEmbedded(): Promise<BenchBroker> {
  const child = forkModule("transfer-broker.ts", []);
  const [{ url }] = (await once(child, "message")) as [{ url: string }];
  return {
    name: "embedded",
    url,
    pid: child.pid ?? 0,
    [Symbol.asyncDispose]: () => endChild(child),
  };
}

/** As scripts/ferry and scripts/ferry-agent start theirs. */
const NODE_FLAGS = ["--disable-warning=ExperimentalWarning", "--max-semi-space-size=2"] as const;

export function forkModule(name: string, args: readonly string[]): ChildProcess {
  return fork(new URL(name, import.meta.url), args, { execArgv: [...NODE_FLAGS] });
}

/** Lets go of a child, which then ends by itself. */
export async function endChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.disconnect();
  await exited;
}
