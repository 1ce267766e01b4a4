import { request } from "node:https";
import { ENROL_JOIN_PATH } from "../../protocol/enrol/enrol-messages.ts";

/** Addresses of this machine from which devices ask: one address alone may not ask more often than people do. */
const ADDRESSES = 200;

export interface JoinTarget {
  /** `https://127.0.0.1:port`. */
  readonly url: string;
  /** PEM. */
  readonly ca: string;
}

interface JoinFigures {
  /** The answers, in the order of the bodies. */
  readonly answers: readonly string[];
  readonly latenciesMs: readonly number[];
  readonly tookMs: number;
}

/** Each body over a TLS connection of its own, as devices send theirs; `atOnce` of them at any moment. */
export async function joinAll(target: JoinTarget, bodies: readonly string[], atOnce: number): Promise<JoinFigures> {
  const answers: string[] = [];
  const latenciesMs: number[] = [];
  const startedMs = performance.now();
  let next = 0;
  const work = async () => {
    for (let at = next++; at < bodies.length; at = next++) {
      const sentMs = performance.now();
      answers[at] = await post(target, bodies[at] ?? "", `127.0.0.${String(2 + (at % ADDRESSES))}`);
      latenciesMs.push(performance.now() - sentMs);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return { answers, latenciesMs, tookMs: performance.now() - startedMs };
}

function post({ url, ca }: JoinTarget, body: string, localAddress: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
    // Without an agent: no connection serves twice.
    const options = { method: "POST", headers, ca, localAddress, agent: false, minVersion: "TLSv1.3" } as const;
    const asked = request(new URL(ENROL_JOIN_PATH, url), options, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (part: string) => (text += part));
      response.on("error", reject);
      response.on("end", () => {
        if (response.statusCode === 200) resolve(text);
        else reject(new Error(`${url} answered ${String(response.statusCode)}: ${text}`));
      });
    });
    asked.on("error", reject);
    asked.end(body);
  });
}
