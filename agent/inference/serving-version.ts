import type { Clock } from "../../common/clock.ts";
import { messageOf } from "../../common/ferry-error.ts";
import type { Log } from "../../common/log.ts";
import type { Tensor } from "../../protocol/tensor.ts";
import type { Refusal } from "../../protocol/trust/refusal.ts";
import type { InferFailure, InferRequest, ObservedFigures, VerifiedBundle } from "./inference-engine.ts";
import { InferenceError } from "./inference-error.ts";
import type { LoadChoice } from "./load-choice.ts";
import { memoryLimitBytes } from "./memory-limit.ts";
import { Observation } from "./observation.ts";
import type { PendingRequest, RequestQueue } from "./request-queue.ts";
import type { RunnerAnswer } from "./runner-messages.ts";
import { ModelFailure, type Runner } from "./runner.ts";
import { SupervisedRunner } from "./supervised-runner.ts";

export interface ServingPorts {
  readonly queue: RequestQueue;
  /** A fresh runner with this version loaded and warm; none is left behind where it throws, or is aborted. */
  readonly load: (signal: AbortSignal) => Promise<Runner>;
  /** A runner process ended by itself, or a restart failed. */
  readonly onCrash: (why: string) => void;
  readonly onLost: (refusal: Refusal) => void;
  /** What it was to answer waits in the queue for the other versions of the slot, because it failed: `model-failed`, or its runner ended. */
  readonly onLeft: (failure: InferFailure | undefined) => void;
  readonly clock: Clock;
  readonly log: Log;
}

/** `unable`: it has other things to do, or nothing runs. */
export type AsideAnswer =
  | { readonly kind: "answered"; readonly answer: RunnerAnswer }
  | { readonly kind: "failed" }
  | { readonly kind: "unable" };

/** What `ServingVersion` is given of its qualification. */
export interface QualifiedModel {
  readonly bundle: VerifiedBundle;
  /** What was qualified, and what a restart loads again. */
  readonly choice: LoadChoice;
  /** Its own golden set has NaN or infinities: they are no sign of a fault. */
  readonly givesNonFinite: boolean;
}

/**
 * Requests handed to the runner at once: the second waits in the channel while the first is computed, so the runner
 * never idles for the way there and back. Measured against 1: 16,000 instead of 6,400 requests a second for a model of
 * 0.04 ms, 11 % more for one of 1 ms. 4 gave nothing more, and hides from the queue how old requests are.
 */
const IN_FLIGHT_MAX = 2;
/** A request during which that many processes ended is what ends them. */
const CRASHES_MAX = 3;
/** Requests have deadlines of their own; this bounds what a caller with a very long one can hold back. */
const DRAIN_MS_MAX = 30_000;

/** What it takes from the slot's queue. */
type Phase =
  /** What is bound to it, and what is bound to no version. */
  | "serving"
  /** What is bound to it, and what it is to answer as long as it can. */
  | "trial"
  /** What is bound to it. */
  | "standby"
  | "draining"
  /** Nothing. */
  | "suspended"
  | "over";

/** One version of a model with its runner; takes its requests from the slot's queue. */
export class ServingVersion {
  readonly bundle: VerifiedBundle;
  readonly #model: QualifiedModel;
  readonly #ports: ServingPorts;
  readonly #inFlight = new Set<PendingRequest>();
  readonly #drained = Promise.withResolvers<undefined>();
  readonly #over = new AbortController();
  readonly #runner: SupervisedRunner;
  readonly #suspendedBy = new Set<object>();
  #observation = new Observation();
  #phase: Phase = "serving";

  constructor(ports: ServingPorts, model: QualifiedModel, runner: Runner) {
    this.bundle = model.bundle;
    this.#model = model;
    this.#ports = ports;
    const { clock, log, load, onCrash, onLost } = ports;
    const supervision = {
      load,
      limitBytes: memoryLimitBytes(model.bundle.model),
      onReady: () => {
        this.pump();
      },
      onCrash: (why: string) => {
        this.#observation.crashed(clock.monotonicMs());
        onCrash(why);
      },
      onLost: (refusal: Refusal) => {
        this.pump();
        onLost(refusal);
      },
      clock,
      log,
    };
    this.#runner = new SupervisedRunner(supervision, runner);
  }

  get isReady(): boolean {
    return this.#runner.current !== undefined;
  }

  /** Unloaded or lost: nothing is answered before `resume`. */
  get isOff(): boolean {
    return this.#runner.isOff;
  }

  get isLost(): boolean {
    return this.#runner.isLost;
  }

  get inFlight(): number {
    return this.#inFlight.size;
  }

  get restarts(): number {
    return this.#runner.restarts;
  }

  /** Of its processes that run. */
  get pids(): readonly number[] {
    const pid = this.#runner.current?.pid;
    return pid === undefined ? [] : [pid];
  }

  residentBytes(): number {
    return this.#runner.current?.residentBytes() ?? 0;
  }

  privateBytes(): number {
    return this.#runner.current?.peakPrivateBytes() ?? 0;
  }

  observed(): ObservedFigures {
    return this.#observation.figures(this.#ports.clock.monotonicMs());
  }

  /** To be called whenever the queue or the runner may have something to give. */
  pump(): void {
    const runner = this.#runner.current;
    while (runner !== undefined && this.#mayTake()) {
      const pending = this.#ports.queue.take(this.#accepts);
      if (pending === undefined) break;
      this.#inFlight.add(pending);
      void this.#compute(runner, pending);
    }
    if (this.#phase === "draining" && this.#hasNothingLeft()) this.#drained.resolve(undefined);
  }

  /** From here on it answers only what it has begun and what is bound to it, and stays as loaded as it is. */
  standBy(): void {
    this.#phase = "standby";
    this.#suspendedBy.clear();
    this.pump();
  }

  /** From here on it answers what is its turn beside the active version. */
  beginTrial(): void {
    this.#phase = "trial";
    this.pump();
  }

  /** What it did before counts no more: it is held against another version from here on. */
  observeAnew(): void {
    this.#observation = new Observation();
  }

  /** The traffic is its own: resolves when it can answer, at once where it is loaded. Throws Refused where it cannot be. */
  async serve(): Promise<void> {
    if (this.#phase === "over") return;
    this.#phase = "serving";
    this.#observation = new Observation();
    this.pump();
    await this.#runner.load();
  }

  /**
   * Gives its memory back, after what it has begun is answered (or put back, where that takes long): requests wait in the
   * queue until whoever asked for this says `resume`, or another version is activated.
   */
  async suspend(by: object): Promise<void> {
    if (this.#phase === "serving") this.#phase = "suspended";
    if (this.#phase !== "suspended") return;
    this.#suspendedBy.add(by);
    await this.#runner.unload();
  }

  /** Loads again in the background, when nobody else wants it suspended. Nothing happens where it was not. */
  resume(by: object): void {
    if (!this.#suspendedBy.delete(by) || this.#suspendedBy.size > 0 || this.#phase !== "suspended") return;
    this.#phase = "serving";
    // Where it cannot, `onLost` says so.
    this.#runner.load().catch(() => undefined);
  }

  /** Of a standby: gives its memory back. It is loaded again when it gets the traffic. */
  async unload(): Promise<void> {
    await this.#runner.unload();
  }

  /** Of a version without requests of its own at the moment: what it would have answered. Never rejects. */
  async answerAside(inputs: readonly Tensor[], wanted?: readonly string[]): Promise<AsideAnswer> {
    const runner = this.#runner.current;
    const isIdle = (this.#phase === "standby" || this.#phase === "trial") && this.#inFlight.size === 0;
    if (runner === undefined || !isIdle) return { kind: "unable" };
    return runner.infer(inputs, wanted).then(
      (answer) => ({ kind: "answered", answer }),
      (error: unknown) => (error instanceof ModelFailure ? { kind: "failed" } : { kind: "unable" }),
    );
  }

  /** The same, counted as if a caller had asked; `isTimed`: whether its time says how fast the version is, asked at its end. */
  async answerCopy({ inputs, outputs }: InferRequest, isTimed: () => boolean): Promise<AsideAnswer> {
    const aside = await this.answerAside(inputs, outputs);
    if (aside.kind === "answered") this.#noteAnswer(aside.answer, isTimed());
    else if (aside.kind === "failed") this.#observation.failed(true);
    return aside;
  }

  /** From here on it answers only what it has begun and what is bound to it; resolves when its process is gone. */
  async drain(mostMs = DRAIN_MS_MAX): Promise<void> {
    this.#phase = "draining";
    this.pump();
    await Promise.race([this.#drained.promise, this.#ports.clock.sleep(mostMs, this.#over.signal)]);
    await this.end();
  }

  /** Ends the process; what it had in flight goes back to the queue. */
  async end(): Promise<void> {
    this.#phase = "over";
    this.#over.abort();
    await this.#runner.unload();
  }

  readonly #accepts = ({ only, trial }: PendingRequest): boolean => {
    const { statement } = this.bundle;
    switch (this.#phase) {
      case "serving":
        return only === undefined ? trial === undefined || trial === statement : only === statement;
      case "trial":
        return (only ?? trial) === statement;
      case "standby":
      case "draining":
        return only === statement;
      case "suspended":
      case "over":
        return false;
    }
  };

  /** Where nothing runs and nothing will, what is bound to it waits in vain. */
  #hasNothingLeft(): boolean {
    return this.#inFlight.size === 0 && (this.isOff || this.#ports.queue.peek(this.#accepts) === undefined);
  }

  /** After a crash, what was in flight is tried alone, so that only the culprit is counted as one. */
  #mayTake(): boolean {
    if (this.#inFlight.size === 0) return true;
    const next = this.#ports.queue.peek(this.#accepts);
    const isSuspect = (pending: PendingRequest | undefined) => pending !== undefined && pending.crashes > 0;
    return this.#inFlight.size < IN_FLIGHT_MAX && !isSuspect(next) && ![...this.#inFlight].some(isSuspect);
  }

  async #compute(runner: Runner, pending: PendingRequest): Promise<void> {
    const { inputs, outputs } = pending.request;
    try {
      const answer = await runner.infer(inputs, outputs);
      this.#noteAnswer(answer, true);
      pending.resolve({ answer, bundle: this.bundle });
    } catch (error) {
      if (error instanceof ModelFailure) {
        this.#runner.noteAnswer();
        this.#refuse(pending, failureOf(error));
      } else this.#retry(pending, messageOf(error));
    }
    this.#inFlight.delete(pending);
    this.pump();
  }

  #noteAnswer({ fault, inferMs }: RunnerAnswer, isTimed: boolean): void {
    const hasBadOutput = fault !== undefined && !(fault === "not-finite" && this.#model.givesNonFinite);
    this.#observation.answered({ inferMs: isTimed ? inferMs : undefined, hasBadOutput });
    this.#runner.noteAnswer();
  }

  /** Inference changes nothing, so a request whose runner died is simply computed again, here or by the next version. */
  #retry(pending: PendingRequest, why: string): void {
    // One that was ended on purpose is no sign against the request.
    if (!this.isOff) pending.crashes += 1;
    if (pending.crashes < CRASHES_MAX) this.#leave(pending, undefined);
    else
      this.#refuse(
        pending,
        new InferenceError("model-failed", `${CRASHES_MAX} runners ended over this request: ${why}`),
      );
  }

  /** What a version on trial fails is answered by the active one, whose answer counts. */
  #refuse(pending: PendingRequest, error: InferenceError): void {
    this.#observation.failed(error.failure === "model-failed");
    if (this.#phase === "trial" && pending.only === undefined) this.#leave(pending, error.failure);
    else pending.reject(error);
  }

  #leave(pending: PendingRequest, failure: InferFailure | undefined): void {
    pending.trial = undefined;
    this.#ports.queue.putBack(pending);
    this.#ports.onLeft(failure);
  }
}

function failureOf({ code, message }: ModelFailure): InferenceError {
  return new InferenceError(code === "onnx-tensor" ? "bad-request" : "model-failed", message);
}
