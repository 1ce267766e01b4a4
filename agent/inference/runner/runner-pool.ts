import type { Refusal } from "../../../protocol/trust/refusal.ts";
import type { Runner } from "./runner.ts";
import { SupervisedRunner, type SupervisionPorts } from "./supervised-runner.ts";

export interface PoolPorts extends Omit<SupervisionPorts, "mayGiveUp"> {
  /** None is left, and none is tried again until `load` is called. */
  readonly onLost: (refusal: Refusal) => void;
}

/** The runner processes of one version: each is kept alive for itself, and the version lives as long as one of them. */
export class RunnerPool {
  readonly #ports: PoolPorts;
  readonly #members: readonly SupervisedRunner[];
  #isLost = false;

  /** `runners` are there already; what `instances` asks for beyond them is loaded. */
  constructor(ports: PoolPorts, runners: readonly Runner[], instances: number) {
    this.#ports = ports;
    this.#members = Array.from({ length: Math.max(instances, runners.length) }, (_, at) => this.#open(at, runners[at]));
  }

  #open(at: number, runner: Runner | undefined): SupervisedRunner {
    const isAlone = () => this.#members.every(({ current }, other) => other === at || current === undefined);
    const onLost = (refusal: Refusal) => {
      this.#isLost = true;
      // What waits to be tried again is given up with the last one.
      void this.unload();
      this.#ports.onLost(refusal);
    };
    return new SupervisedRunner({ ...this.#ports, mayGiveUp: isAlone, onLost }, runner);
  }

  get instances(): number {
    return this.#members.length;
  }

  /** Those that can compute at this moment. */
  get ready(): readonly Runner[] {
    return this.#members.flatMap(({ current }) => current ?? []);
  }

  /** Unloaded or lost: nothing runs, and nothing will before `load` is called. */
  get isOff(): boolean {
    return this.#members.every(({ isOff }) => isOff);
  }

  get isLost(): boolean {
    return this.#isLost;
  }

  get restarts(): number {
    return this.#members.reduce((sum, { restarts }) => sum + restarts, 0);
  }

  noteAnswer(of: Runner): void {
    this.#members.find(({ current }) => current === of)?.noteAnswer();
  }

  /** Resolves when one is ready. Throws Refused where none can be, or they are unloaded meanwhile. */
  async load(): Promise<void> {
    this.#isLost = false;
    try {
      await Promise.any(this.#members.map((member) => member.load()));
    } catch (error) {
      throw error instanceof AggregateError ? error.errors[0] : error;
    }
  }

  /** Lets each answer what it has, ends them, and starts no other; resolves when their memory is free. */
  async unload(): Promise<void> {
    await Promise.all(this.#members.map((member) => member.unload()));
  }
}
