/** The clients of `swap.ts`, in a process of their own, so that their memory and their pauses are not the agent's. */
import { Agent, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { readDigits } from "../../test/support/digits.ts";

export interface LoadAnswer {
  /** On the system's monotonic clock, which both processes read. */
  readonly atMs: number;
  readonly tookMs: number;
  /** The version that answered, or why none did. */
  readonly outcome: string;
}

export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** Requests on a schedule, whatever became of those before: a slow moment does not thin the load that shows it. */
async function load(url: string, perSecond: number, signal: AbortSignal): Promise<LoadAnswer[]> {
  const agent = new Agent({ keepAlive: true });
  const bodies = readDigits().map(({ pixels }) =>
    JSON.stringify({ inputs: [{ name: "pixels", datatype: "FP32", shape: [1, 64], data: pixels }] }),
  );
  const answers: LoadAnswer[] = [];
  const asking = new Set<Promise<void>>();
  const startedMs = monotonicMs();
  for (let at = 0; !signal.aborted; at += 1) {
    const atMs = monotonicMs();
    const asked = ask(agent, `${url}/v2/models/digits/infer`, bodies[at % bodies.length] ?? "").then((outcome) => {
      answers.push({ atMs, tookMs: monotonicMs() - atMs, outcome });
      asking.delete(asked);
    });
    asking.add(asked);
    await sleep(Math.max(0, startedMs + ((at + 1) * 1_000) / perSecond - monotonicMs()));
  }
  await Promise.all(asking);
  agent.destroy();
  return answers;
}

function ask(agent: Agent, url: string, body: string): Promise<string> {
  return new Promise((resolve) => {
    const asking = request(url, { method: "POST", agent }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (text += chunk));
      response.on("end", () => {
        const version = /"model_version":"([^"]+)"/.exec(text)?.[1];
        const isAnswer = response.statusCode === 200 && version !== undefined;
        resolve(isAnswer ? version : `${String(response.statusCode)} ${text}`);
      });
    });
    asking.on("error", (error) => {
      resolve(error.message);
    });
    asking.end(body);
  });
}

const [url, perSecond] = process.argv.slice(2);
if (process.send !== undefined && url !== undefined) {
  const stopping = new AbortController();
  process.once("message", () => {
    stopping.abort();
  });
  process.send(await load(url, Number(perSecond), stopping.signal), () => {
    process.disconnect();
  });
}
