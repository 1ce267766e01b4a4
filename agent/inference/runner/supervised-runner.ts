import type { Clock } from "../../../common/clock.ts";
import { messageOf } from "../../../common/ferry-error.ts";
import type { Log } from "../../../common/log.ts";
import { BundleRefused } from "../../../protocol/trust/model-signing.ts";
import type { Refusal } from "../../../protocol/trust/refusal.ts";
import { endedWithin } from "./memory-limit.ts";
import { Refused } from "../refused.ts";
import { afterFailedRestart, afterRun, decideRestart, NO_TROUBLES } from "./restart-policy.ts";
import type { Runner } from "./runner.ts";

export interface SupervisionPorts {
  /** A fresh runner with the model loaded and warm; none is left behind where it throws, or is aborted. */
  readonly load: (signal: AbortSignal) => Promise<Runner>;
  /** Resident memory; beyond it the process is killed, which counts as a crash. */
  readonly limitBytes: number | undefined;
  /** Of one that has ended: whether it did while it computed a request, in a version that has answered others. */
  readonly endedOverRequest: (runner: Runner) => boolean;
  /** Whether nothing else answers in its place: only then it is given up, and is tried again every LOST_RETRY_MS till then. */
  readonly mayGiveUp: () => boolean;
  readonly onReady: () => void;
  /** A process ended by itself, or a restart failed. */
  readonly onCrash: (why: string) => void;
  /** It is not tried again until `load` is called. */
  readonly onLost: (refusal: Refusal) => void;
  readonly clock: Clock;
  readonly log: Log;
}

interface Keeping {
  readonly stop: AbortController;
  readonly ready: PromiseWithResolvers<undefined>;
  done: Promise<void>;
}

/** Beside others that answer there is no hurry, and what was short (memory, a file's place on the disk) may come back. */
const LOST_RETRY_MS = 60_000;

/** Keeps one runner process alive: another takes its place when it dies, unless it was unloaded, or is lost. */
export class SupervisedRunner {
  restarts = 0;
  readonly #ports: SupervisionPorts;
  #current: Runner | undefined;
  #keeping: Keeping | undefined;
  #unloaded: Promise<void> | undefined;
  #troubles = NO_TROUBLES;
  #hasAnswered = false;
  #isLost = false;

  /** Without a runner it loads one. */
  constructor(ports: SupervisionPorts, runner: Runner | undefined) {
    this.#ports = ports;
    this.#keep(runner);
  }

  /** Undefined while it restarts, and where it is unloaded or lost. */
  get current(): Runner | undefined {
    return this.#current;
  }

  /** Unloaded or lost: nothing runs, and nothing will before `load` is called. */
  get isOff(): boolean {
    return this.#keeping === undefined;
  }

  get isLost(): boolean {
    return this.#isLost;
  }

  /** The runner that is there has answered a request: should it die, it was worth restarting. */
  noteAnswer(): void {
    this.#hasAnswered = true;
  }

  /** Resolves when a runner is ready. Throws Refused where it is lost, or unloaded meanwhile. */
  async load(): Promise<void> {
    await (this.#keeping ?? this.#keep(undefined)).ready.promise;
  }

  /** Lets the process answer what it has, ends it, and starts no other; resolves when its memory is free. */
  async unload(): Promise<void> {
    if (this.#keeping !== undefined) this.#unloaded = this.#end(this.#keeping, this.#current);
    await this.#unloaded;
  }

  async #end(keeping: Keeping, runner: Runner | undefined): Promise<void> {
    this.#keeping = undefined;
    this.#current = undefined;
    keeping.stop.abort();
    await runner?.end();
    await keeping.done;
  }

  #keep(runner: Runner | undefined): Keeping {
    const ready = Promise.withResolvers<undefined>();
    ready.promise.catch(() => undefined);
    const keeping: Keeping = { stop: new AbortController(), ready, done: Promise.resolve() };
    this.#keeping = keeping;
    this.#isLost = false;
    keeping.done = this.#run(keeping, runner).finally(() => {
      ready.reject(new Refused("runner-crash", "The runner was unloaded while it was loading"));
    });
    return keeping;
  }

  async #run({ stop: { signal }, ready }: Keeping, first: Runner | undefined): Promise<void> {
    const isStopped = () => signal.aborted;
    const { clock, limitBytes, onCrash, onReady } = this.#ports;
    this.#troubles = NO_TROUBLES;
    for (let runner = first ?? (await this.#start(signal)); runner !== undefined; runner = await this.#start(signal)) {
      if (isStopped()) {
        runner.kill();
        await runner.ended;
        return;
      }
      this.#current = runner;
      this.#hasAnswered = false;
      ready.resolve(undefined);
      // Whoever handed over the first one knows.
      if (runner !== first) onReady();
      const startedMs = clock.monotonicMs();
      const why = await endedWithin(limitBytes, runner, clock);
      if (isStopped()) return;
      this.#current = undefined;
      const isOverRequest = this.#ports.endedOverRequest(runner);
      const run = { livedMs: clock.monotonicMs() - startedMs, hasAnswered: this.#hasAnswered, isOverRequest };
      this.#troubles = afterRun(this.#troubles, run);
      onCrash(why);
    }
  }

  /** Tries until there is a runner; undefined where it was stopped, or is lost. */
  async #start(signal: AbortSignal): Promise<Runner | undefined> {
    let last = "";
    for (;;) {
      const decision = decideRestart(this.#troubles, Math.random);
      if (decision.kind === "lost") {
        const why = last === "" ? decision.why : `${decision.why}: ${last}`;
        if (await this.#giveUp(new Refused("runner-crash", why), signal)) return undefined;
        continue;
      }
      if (decision.afterMs > 0) await this.#ports.clock.sleep(decision.afterMs, signal);
      try {
        if (signal.aborted) return undefined;
        const runner = await this.#ports.load(signal);
        if (this.#troubles.count > 0) this.restarts += 1;
        return runner;
      } catch (error) {
        if (signal.aborted) return undefined;
        last = messageOf(error);
        this.#ports.log.error({ error: last }, "a runner did not restart");
        // The files are not those that were verified: no restart will make them so.
        if (error instanceof BundleRefused) {
          if (await this.#giveUp(new Refused(error.code, last), signal)) return undefined;
          continue;
        }
        this.#troubles = afterFailedRestart(this.#troubles);
        this.#ports.onCrash(`it did not restart: ${last}`);
      }
    }
  }

  /** False where it is to be tried again: it has waited for that. */
  async #giveUp(refused: Refused, signal: AbortSignal): Promise<boolean> {
    if (this.#ports.mayGiveUp()) {
      this.#isLost = true;
      this.#keeping?.ready.reject(refused);
      this.#keeping = undefined;
      this.#ports.onLost(refused.refusal);
      return true;
    }
    this.#troubles = NO_TROUBLES;
    await this.#ports.clock.sleep(LOST_RETRY_MS, signal);
    return signal.aborted;
  }
}
