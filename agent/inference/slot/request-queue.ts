import { joinKey, rowsOf } from "../../../common/onnx-batch.ts";
import type { StatementDigest } from "../../../protocol/ids.ts";
import type { InferRequest, VerifiedBundle } from "../inference-engine.ts";
import { InferenceError } from "../inference-error.ts";
import type { Waiting } from "./next-work.ts";
import type { RunnerAnswer } from "../runner/runner-messages.ts";

/** Requests that wait for one slot. A second's worth for a model of 4 ms: beyond it, waiting helps nobody. */
export const REQUESTS_WAITING_MAX = 256;
/** Their tensors, together: four of the largest requests. One request alone is always taken. */
export const WAITING_BYTES_MAX = 64 * 1024 ** 2;

/** Who computed an answer. */
export interface Answered {
  readonly answer: RunnerAnswer;
  readonly bundle: VerifiedBundle;
}

/** A request on its way: settles exactly once, at the latest at its deadline. */
export class PendingRequest {
  readonly request: InferRequest;
  readonly arrivedMs = performance.now();
  readonly bytes: number;
  readonly settled: Promise<Answered>;
  /** Only this bundle may answer; absent: whichever is active when its turn comes. */
  only: StatementDigest | undefined;
  /** The version on trial whose turn it is; whichever is active answers where that cannot. */
  trial: StatementDigest | undefined;
  /** How often it was handed to a runner. */
  attempts = 0;
  /** Runner processes that ended while they computed it. */
  crashes = 0;
  readonly #promise = Promise.withResolvers<Answered>();
  readonly #timer: NodeJS.Timeout;
  #join: Waiting["join"] | null = null;
  #isSettled = false;

  constructor(request: InferRequest, only: StatementDigest | undefined, trial?: StatementDigest) {
    this.request = request;
    this.only = only;
    this.trial = trial;
    this.bytes = request.inputs.reduce((sum, { bytes }) => sum + bytes.byteLength, 0);
    this.settled = this.#promise.promise;
    this.#timer = setTimeout(() => {
      this.reject(new InferenceError("timed-out", `No answer within ${request.timeoutMs} ms`));
    }, request.timeoutMs);
  }

  /** True once nobody waits for it: it must not be begun. */
  get isSettled(): boolean {
    return this.#isSettled;
  }

  get isSuspect(): boolean {
    return this.crashes > 0;
  }

  /** For models with batches: what it can be computed with. */
  get join(): Waiting["join"] {
    if (this.#join !== null) return this.#join;
    const { inputs, outputs } = this.request;
    const rows = rowsOf(inputs);
    this.#join = rows === undefined ? undefined : { rows, key: `${joinKey(inputs)}\n${outputs?.join("\n") ?? "*"}` };
    return this.#join;
  }

  resolve(answered: Answered): void {
    this.#settle();
    this.#promise.resolve(answered);
  }

  reject(error: InferenceError): void {
    this.#settle();
    this.#promise.reject(error);
  }

  #settle(): void {
    this.#isSettled = true;
    clearTimeout(this.#timer);
  }
}

/** Requests of one slot in the order in which they came, whichever version will answer them. */
export class RequestQueue {
  readonly #waiting: PendingRequest[] = [];

  /** Perhaps of such that nobody waits for any more. */
  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  get length(): number {
    return this.#waiting.filter((pending) => !pending.isSettled).length;
  }

  /** False when it is full: the request was not taken. */
  push(pending: PendingRequest): boolean {
    this.#forgetSettled();
    const waitingBytes = this.#waiting.reduce((sum, { bytes }) => sum + bytes, 0);
    const isFull =
      this.#waiting.length >= REQUESTS_WAITING_MAX ||
      (this.#waiting.length > 0 && waitingBytes + pending.bytes > WAITING_BYTES_MAX);
    if (!isFull) this.#waiting.push(pending);
    return !isFull;
  }

  /** Back to its place by arrival: it was taken before, so it needs no room. */
  putBack(pending: PendingRequest): void {
    const at = this.#waiting.findIndex(({ arrivedMs }) => arrivedMs > pending.arrivedMs);
    this.#waiting.splice(at === -1 ? this.#waiting.length : at, 0, pending);
  }

  /** The first that `accepts` takes, left where it is. */
  peek(accepts: (pending: PendingRequest) => boolean): PendingRequest | undefined {
    this.#forgetSettled();
    return this.#waiting.find(accepts);
  }

  /** All that `accepts` takes, in their order, left where they are. */
  waiting(accepts: (pending: PendingRequest) => boolean): readonly PendingRequest[] {
    this.#forgetSettled();
    return this.#waiting.filter(accepts);
  }

  remove(taken: readonly PendingRequest[]): void {
    for (const pending of taken) this.#waiting.splice(this.#waiting.indexOf(pending), 1);
  }

  take(accepts: (pending: PendingRequest) => boolean): PendingRequest | undefined {
    const pending = this.peek(accepts);
    if (pending !== undefined) this.#waiting.splice(this.#waiting.indexOf(pending), 1);
    return pending;
  }

  /** Binds what is bound to no bundle yet. */
  pinUnpinned(to: StatementDigest): void {
    for (const pending of this.#waiting) pending.only ??= to;
  }

  /** What was this version's turn is the active one's. */
  takeFrom(trial: StatementDigest): void {
    for (const pending of this.#waiting) if (pending.trial === trial) pending.trial = undefined;
  }

  #forgetSettled(): void {
    if (!this.#waiting.some(({ isSettled }) => isSettled)) return;
    const live = this.#waiting.filter(({ isSettled }) => !isSettled);
    this.#waiting.splice(0, this.#waiting.length, ...live);
  }
}
