/** Reads, decides, applies: the one place where rollouts move. */
import { messageOf } from "../../common/ferry-error.ts";
import type { DeviceId } from "../../protocol/ids.ts";
import { createRolloutPass, type RolloutEnginePorts } from "./rollout-pass.ts";

/** Nothing waits longer than this for a decision, even if its event was lost. */
const TICK_MS = 1_000;
/** Events within this time are decided together: a fleet that reports at once costs one pass. */
const GATHER_MS = 50;

export interface RolloutEngine extends AsyncDisposable {
  /** Something was heard of the device, or its presence changed. */
  readonly touch: (device: DeviceId) => void;
  /** Resolves when all that was known before the call has been decided and applied. */
  readonly settle: () => Promise<void>;
}

export function openRolloutEngine(ports: RolloutEnginePorts): RolloutEngine {
  const { clock, log } = ports;
  const pass = createRolloutPass(ports);
  const closing = new AbortController();
  let touched = new Set<DeviceId>();
  let wake = new AbortController();
  let passing = Promise.resolve();

  function touch(device: DeviceId): void {
    touched.add(device);
    wake.abort();
  }

  function settle(): Promise<void> {
    passing = passing.then(async () => {
      const devices = touched;
      touched = new Set();
      try {
        await pass(devices);
      } catch (thrown) {
        for (const device of devices) touched.add(device);
        throw thrown;
      }
    });
    const settled = passing;
    // The next pass must not inherit this one's failure; the caller still sees it.
    passing = passing.catch(() => undefined);
    return settled;
  }

  async function run(): Promise<void> {
    for (;;) {
      wake = new AbortController();
      if (touched.size === 0) await clock.sleep(TICK_MS, AbortSignal.any([wake.signal, closing.signal]));
      await clock.sleep(GATHER_MS, closing.signal);
      if (closing.signal.aborted) return;
      try {
        await settle();
      } catch (thrown) {
        log.error({ error: messageOf(thrown) }, "a rollout pass failed; trying again");
        await clock.sleep(TICK_MS, closing.signal);
      }
    }
  }

  const running = run();
  return {
    touch,
    settle,
    [Symbol.asyncDispose]: async () => {
      closing.abort();
      await running;
      await passing;
    },
  };
}
