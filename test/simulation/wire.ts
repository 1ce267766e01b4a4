/** Messages between devices and the controller: late, in order, and over a bad line lost, or twice and out of order. */
import type { DeviceId } from "../../protocol/ids.ts";
import type { Deployment } from "../../protocol/trust/deployment.ts";
import type { EventQueue } from "./event-queue.ts";
import type { Fault } from "./faults.ts";
import { between } from "./random.ts";

export interface Wire {
  /** Delivers once, twice or never. */
  readonly carry: (deliver: () => void) => void;
  /** The broker's copy, which greets each connection; undefined before the first. */
  retained: Deployment | undefined;
}

/** What comes twice comes again within this time: also behind what was said after it. */
const REPLAY_MS_MAX = 120_000;
/** From a good line to a satellite. */
const LATENCY_MS = { least: 5, most: 800 };

export function createWire(
  device: DeviceId,
  {
    queue,
    faults,
    random,
  }: { readonly queue: EventQueue; readonly faults: readonly Fault[]; readonly random: () => number },
): Wire {
  const latencyMs = between(random, LATENCY_MS.least, LATENCY_MS.most);
  const bad = faults.filter((fault) => fault.kind === "lossy" && fault.device === device);

  function lossNow(): number {
    const nowMs = queue.nowMs();
    const now = bad.find((fault) => fault.kind === "lossy" && fault.fromMs <= nowMs && nowMs < fault.untilMs);
    return now?.kind === "lossy" ? now.share : 0;
  }

  return {
    retained: undefined,
    carry: (deliver) => {
      const loss = bad.length === 0 ? 0 : lossNow();
      if (loss > 0 && random() < loss) return;
      queue.after(latencyMs, deliver);
      if (loss > 0 && random() < loss) queue.after(latencyMs + between(random, 1, REPLAY_MS_MAX), deliver);
    },
  };
}
