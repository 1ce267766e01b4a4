import type { Clock } from "../../../common/clock.ts";
import { messageOf } from "../../../common/ferry-error.ts";
import type { Log } from "../../../common/log.ts";
import type { Batching } from "../../../protocol/bundle/serving.ts";
import type { Tensor } from "../../../protocol/tensor.ts";
import type { Refusal } from "../../../protocol/trust/refusal.ts";
import { Culprits } from "./culprits.ts";
import type { Execution, InferFailure, InferRequest, ObservedFigures, VerifiedBundle } from "../inference-engine.ts";
import { InferenceError } from "../inference-error.ts";
import type { LoadChoice } from "../qualify/load-choice.ts";
import { memoryLimitBytes } from "../runner/memory-limit.ts";
import { nextWork } from "./next-work.ts";
import { Observation } from "./observation.ts";
import type { PendingRequest, RequestQueue } from "./request-queue.ts";
import { RunnerPool } from "../runner/runner-pool.ts";
import type { RequestOutcome, RunnerAnswer } from "../runner/runner-messages.ts";
import { ModelFailure, type Runner } from "../runner/runner.ts";

export interface ServingPorts {
  readonly queue: RequestQueue;
  /** A fresh runner with this version loaded and warm; none is left behind where it throws, or is aborted. */
  readonly load: (signal: AbortSignal) => Promise<Runner>;
  /** The model has computed something for one request or several. */
  readonly onExecuted: (execution: Execution) => void;
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
  /** As `model.json` asks for it and this device can; undefined: each request is computed alone. */
  readonly batching: Batching | undefined;
}

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

/** What one runner has to do. */
interface InFlight {
  readonly batches: Set<readonly PendingRequest[]>;
}

/** One version of a model with its runners; takes its requests from the slot's queue. */
export class ServingVersion {
  readonly bundle: VerifiedBundle;
  readonly #model: QualifiedModel;
  readonly #ports: ServingPorts;
  readonly #inFlight = new WeakMap<Runner, InFlight>();
  readonly #culprits = new Culprits();
  readonly #drained = Promise.withResolvers<undefined>();
  readonly #over = new AbortController();
  readonly #runners: RunnerPool;
  readonly #suspendedBy = new Set<object>();
  #observation = new Observation();
  #phase: Phase = "serving";
  #requestsInFlight = 0;
  #hasAnswered = false;
  #isPumpDue = false;
  #pumpTimer: NodeJS.Timeout | undefined;

  /** `instances` beyond the `runners` that are there are loaded. */
  constructor(ports: ServingPorts, model: QualifiedModel, runners: readonly Runner[], instances: number) {
    this.bundle = model.bundle;
    this.#model = model;
    this.#ports = ports;
    const { clock, log, load, onCrash, onLost } = ports;
    const pool = {
      load,
      limitBytes: memoryLimitBytes(model.bundle.model),
      endedOverRequest: (runner: Runner) => this.#hasAnswered && this.#loadOf(runner).batches.size > 0,
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
    this.#runners = new RunnerPool(pool, runners, instances);
  }

  /** Which file of the bundle it is, and on which provider. */
  get choice(): LoadChoice {
    return this.#model.choice;
  }

  get isReady(): boolean {
    return this.#runners.ready.length > 0;
  }

  /** Unloaded or lost: nothing is answered before `resume`. */
  get isOff(): boolean {
    return this.#runners.isOff;
  }

  get isLost(): boolean {
    return this.#runners.isLost;
  }

  get inFlight(): number {
    return this.#requestsInFlight;
  }

  get restarts(): number {
    return this.#runners.restarts;
  }

  /** Of its processes that run. */
  get pids(): readonly number[] {
    return this.#runners.ready.map(({ pid }) => pid);
  }

  /** Runners that answer, and those that should. */
  get instances(): { readonly ready: number; readonly wanted: number } {
    return { ready: this.#runners.ready.length, wanted: this.#runners.instances };
  }

  /** Of all its runners together. */
  residentBytes(): number {
    return this.#runners.ready.reduce((sum, runner) => sum + runner.residentBytes(), 0);
  }

  privateBytes(): number {
    return this.#runners.ready.reduce((sum, runner) => sum + runner.peakPrivateBytes(), 0);
  }

  observed(): ObservedFigures {
    return this.#observation.figures(this.#ports.clock.monotonicMs());
  }

  /** To be called whenever the queue or a runner may have something to give. */
  pump(): void {
    if (this.#model.batching === undefined) this.#pump();
    else if (!this.#isPumpDue) {
      // What arrives in the same turn of the event loop is computed together.
      this.#isPumpDue = true;
      setImmediate(() => {
        this.#isPumpDue = false;
        this.#pump();
      });
    }
  }

  #pump(): void {
    while (this.#handOver());
    if (this.#phase === "draining" && this.#hasNothingLeft()) this.#drained.resolve(undefined);
  }

  /** False where there is nothing to be done at this moment. */
  #handOver(): boolean {
    if (this.#ports.queue.isEmpty) return false;
    const runners = this.#runners.ready;
    const waiting = runners.length === 0 ? [] : this.#ports.queue.waiting(this.#accepts);
    if (waiting.length === 0) return false;
    const loads = runners.map((runner) => this.#loadOf(runner));
    const work = nextWork(waiting, loads.map(shortOf), this.#model.batching, performance.now());
    if (work.kind === "wait") this.#pumpAfter(work.forMs);
    if (work.kind !== "take") return false;
    const [runner, batch] = [runners[work.runner], work.requests.flatMap((at) => waiting[at] ?? [])];
    this.#ports.queue.remove(batch);
    const known = batch.filter(({ request }) => this.#culprits.has(request, this.#ports.clock.monotonicMs()));
    for (const culprit of known) this.#refuse(culprit, killer("was refused a moment ago, and is not tried again yet"));
    const rest = batch.filter((pending) => !known.includes(pending));
    if (runner !== undefined && rest.length > 0) void this.#compute(runner, rest);
    return true;
  }

  #pumpAfter(forMs: number): void {
    clearTimeout(this.#pumpTimer);
    this.#pumpTimer = setTimeout(() => {
      this.#pump();
    }, forMs);
  }

  #loadOf(runner: Runner): InFlight {
    const known = this.#inFlight.get(runner) ?? { batches: new Set() };
    this.#inFlight.set(runner, known);
    return known;
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
    await this.#runners.load();
  }

  /**
   * Gives its memory back, after what it has begun is answered (or put back, where that takes long): requests wait in the
   * queue until whoever asked for this says `resume`, or another version is activated.
   */
  async suspend(by: object): Promise<void> {
    if (this.#phase === "serving") this.#phase = "suspended";
    if (this.#phase !== "suspended") return;
    this.#suspendedBy.add(by);
    await this.#runners.unload();
  }

  /** Loads again in the background, when nobody else wants it suspended. Nothing happens where it was not. */
  resume(by: object): void {
    if (!this.#suspendedBy.delete(by) || this.#suspendedBy.size > 0 || this.#phase !== "suspended") return;
    this.#phase = "serving";
    // Where it cannot, `onLost` says so.
    this.#runners.load().catch(() => undefined);
  }

  /** Of a standby: gives its memory back. It is loaded again when it gets the traffic. */
  async unload(): Promise<void> {
    await this.#runners.unload();
  }

  /** Of a version without requests of its own at the moment: what it would have answered. Never rejects. */
  async answerAside(inputs: readonly Tensor[], wanted?: readonly string[]): Promise<AsideAnswer> {
    const [runner] = this.#runners.ready;
    const isIdle = (this.#phase === "standby" || this.#phase === "trial") && this.#requestsInFlight === 0;
    if (runner === undefined || !isIdle) return { kind: "unable" };
    return runner.infer(inputs, wanted).then(
      (answer) => {
        this.#noteUse(runner);
        return { kind: "answered", answer };
      },
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
    clearTimeout(this.#pumpTimer);
    await this.#runners.unload();
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
    return this.#requestsInFlight === 0 && (this.isOff || this.#ports.queue.peek(this.#accepts) === undefined);
  }

  async #compute(runner: Runner, batch: readonly PendingRequest[]): Promise<void> {
    const { batches } = this.#loadOf(runner);
    batches.add(batch);
    this.#requestsInFlight += batch.length;
    for (const pending of batch) pending.attempts += 1;
    try {
      const inputs = batch.map(({ request }) => request.inputs);
      const outcomes = await runner.inferAll(inputs, batch[0]?.request.outputs);
      batches.delete(batch);
      this.#noteUse(runner);
      for (const execution of executionsOf(outcomes)) this.#ports.onExecuted(execution);
      for (const [at, pending] of batch.entries()) this.#settle(pending, outcomes[at]);
    } catch (error) {
      // Stays among what the runner has to do: that is how it ended.
      for (const pending of batch) this.#retry(pending, messageOf(error));
    }
    this.#requestsInFlight -= batch.length;
    this.pump();
  }

  #settle(pending: PendingRequest, outcome: RequestOutcome | undefined): void {
    if (outcome?.kind !== "outputs") {
      this.#refuse(pending, failureOf(outcome));
      return;
    }
    this.#noteAnswer(outcome, true);
    pending.resolve({ answer: outcome, bundle: this.bundle });
  }

  /** It has shown that it can answer. */
  #noteUse(runner: Runner): void {
    this.#hasAnswered = true;
    this.#runners.noteAnswer(runner);
  }

  #noteAnswer({ fault, inferMs }: RunnerAnswer, isTimed: boolean): void {
    const hasBadOutput = fault !== undefined && !(fault === "not-finite" && this.#model.givesNonFinite);
    this.#observation.answered({ inferMs: isTimed ? inferMs : undefined, hasBadOutput });
  }

  /** Inference changes nothing, so a request whose runner died is simply computed again, here or by the next version. */
  #retry(pending: PendingRequest, why: string): void {
    // One that was ended on purpose is no sign against the request.
    if (!this.isOff) pending.crashes += 1;
    if (pending.crashes < CRASHES_MAX) {
      this.#leave(pending, undefined);
      return;
    }
    this.#culprits.note(pending.request, this.#ports.clock.monotonicMs());
    this.#refuse(pending, killer(why));
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

function shortOf({ batches }: InFlight) {
  return { batches: batches.size, hasSuspect: [...batches].some((batch) => batch.some(({ isSuspect }) => isSuspect)) };
}

/** Each batch once, with as many requests as were computed together. */
function executionsOf(outcomes: readonly RequestOutcome[]): Execution[] {
  const answers = outcomes.filter(({ kind }) => kind === "outputs") as readonly RunnerAnswer[];
  const isTogether = answers.length > 1 && answers[0]?.batchSize === answers.length;
  return (isTogether ? answers.slice(0, 1) : answers).map(({ batchSize, inferMs }) => ({
    requests: batchSize,
    inferMs,
  }));
}

function failureOf(outcome: (RequestOutcome & { kind: "refused" }) | undefined): InferenceError {
  const { code, message } = outcome ?? { code: "internal", message: "The runner gave no outcome" };
  return new InferenceError(code === "onnx-tensor" ? "bad-request" : "model-failed", message);
}

function killer(why: string): InferenceError {
  return new InferenceError("model-failed", `${CRASHES_MAX} runners ended over this request: ${why}`);
}
