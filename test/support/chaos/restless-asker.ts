/** Asks a device about digits, whether it is there or not: each question is told of in telemetry once, or not at all. */
import { setTimeout as sleep } from "node:timers/promises";
import { askOverJson, readDigits } from "../digits.ts";

const EVERY_MS = 25;

export interface Asker {
  /** Resolves to the requests that a device can have told of. */
  readonly stop: () => Promise<number>;
}

export function startAsking(deviceUrl: string): Asker {
  const ending = new AbortController();
  const digits = readDigits();
  let asked = 0;
  const running = (async () => {
    for (let at = 0; !ending.signal.aborted; at += 1) {
      const digit = digits[at % digits.length];
      if (digit === undefined) throw new Error("there are no digits to ask about");
      // One that broke off may have been answered: the device counts it, and nobody heard.
      asked += 1;
      await askOverJson(deviceUrl, digit).catch(() => undefined);
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
