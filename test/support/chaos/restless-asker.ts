/** Asks a device for predictions of models that it does not have, whether it is there or not: each question is told of in telemetry. */
import { setTimeout as sleep } from "node:timers/promises";

const EVERY_MS = 25;
/** Each name is a record of its own every ten seconds. */
const NAMES = 8;

export interface Asker {
  /** Resolves to the requests that were answered, or may have been. */
  readonly stop: () => Promise<number>;
}

export function startAsking(deviceUrl: string): Asker {
  const ending = new AbortController();
  let asked = 0;
  const running = (async () => {
    for (let at = 0; !ending.signal.aborted; at += 1) {
      const url = `${deviceUrl}/v2/models/nobody-${String(at % NAMES)}/infer`;
      const response = await fetch(url, { method: "POST", body: "{}", signal: AbortSignal.timeout(1_000) }).catch(
        (error: unknown) => error,
      );
      // A request that broke off may have been counted by the device.
      asked += 1;
      if (response instanceof Response) await response.body?.cancel();
      await sleep(EVERY_MS);
    }
  })();
  return {
    stop: async () => {
      ending.abort();
      await running;
      return asked;
    },
  };
}
