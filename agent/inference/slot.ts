import type { ModelName } from "../../protocol/ids.ts";
import type { ModelJson } from "../../protocol/bundle/model-json.ts";
import type { Evidence } from "../../protocol/trust/report.ts";
import { checkRequest } from "./check-request.ts";
import type { InferRequest, InferResponse, Observed, ServedSlot, VerifiedBundle } from "./inference-engine.ts";
import { InferenceError } from "./inference-error.ts";
import { PendingRequest, RequestQueue, REQUESTS_WAITING_MAX } from "./request-queue.ts";
import type { ServingVersion } from "./serving-version.ts";

interface Loaded {
  readonly version: ServingVersion;
  readonly evidence: Evidence;
  readonly sinceMs: number;
}

/** One model name: its queue, the version that answers, and those before it that still answer what they have begun. */
export class Slot {
  readonly name: ModelName;
  readonly queue = new RequestQueue();
  readonly #versions: ServingVersion[] = [];
  #active: Loaded | undefined;
  /** Loaded and without traffic: what to turn back to. */
  #standby: Loaded | undefined;

  constructor(name: ModelName) {
    this.name = name;
  }

  /** The active version first, then those that drain. */
  get versions(): readonly ServingVersion[] {
    return this.#versions;
  }

  served(): ServedSlot | undefined {
    if (this.#active === undefined) return undefined;
    const { version, evidence, sinceMs } = this.#active;
    return { slot: this.name, bundle: version.bundle, evidence, sinceMs, ready: version.isReady };
  }

  observed(): Observed | undefined {
    return this.#active?.version.observed();
  }

  /** Throws InferenceError. */
  async infer(request: InferRequest): Promise<InferResponse> {
    const active = this.#active?.version;
    if (active === undefined) throw new InferenceError("unknown-model", `Nothing serves '${this.name}'`);
    const { model, statement } = active.bundle;
    if (request.version !== undefined && request.version !== model.version) {
      const message = `Request for unknown version: '${this.name}' version ${request.version} is not found; version ${model.version} is there`;
      throw new InferenceError("unknown-version", message);
    }
    checkRequest(model, request);
    const pending = new PendingRequest(request, request.version === undefined ? undefined : statement);
    if (!this.queue.push(pending)) {
      pending.reject(
        new InferenceError(
          "queue-full",
          `${REQUESTS_WAITING_MAX} requests for '${this.name}' already wait: try again later`,
        ),
      );
    }
    this.pump();
    return responseTo(pending);
  }

  /** Turns the traffic over in one step; the former version stands by, or ends where another stands by already. */
  activate(version: ServingVersion, evidence: Evidence, nowMs: number): void {
    const former = this.#active;
    this.#bindWaiting(version);
    this.#versions.unshift(version);
    this.#active = { version, evidence, sinceMs: nowMs };
    if (former === undefined) this.pump();
    else if (this.#standby === undefined) {
      this.#standby = former;
      former.version.standBy();
    } else void this.#end(former.version);
    this.pump();
  }

  /** Traffic to the standby in one step; undefined where there is none. */
  turnBack(nowMs: number): VerifiedBundle | undefined {
    const [failed, standby] = [this.#active, this.#standby];
    if (standby === undefined) return undefined;
    this.#bindWaiting(standby.version);
    this.#active = { ...standby, sinceMs: nowMs };
    this.#standby = undefined;
    standby.version.resume();
    if (failed !== undefined) void this.#end(failed.version);
    this.pump();
    return standby.version.bundle;
  }

  /** Resolves when the standby has answered what is bound to it and is gone. */
  async release(): Promise<void> {
    const standby = this.#standby;
    this.#standby = undefined;
    if (standby !== undefined) await this.#end(standby.version);
  }

  /** What waits for a version whose inputs or outputs differ from the next one's stays with it. */
  #bindWaiting(next: ServingVersion): void {
    const former = this.#active?.version.bundle;
    if (former !== undefined && !sameInterface(former.model, next.bundle.model))
      this.queue.pinUnpinned(former.statement);
  }

  async #end(version: ServingVersion): Promise<void> {
    await version.drain();
    const at = this.#versions.indexOf(version);
    if (at !== -1) this.#versions.splice(at, 1);
    this.pump();
  }

  /** Answers all that waits, then ends every process of this slot; what is left after `mostMs` is turned away. */
  async close(mostMs?: number): Promise<void> {
    const active = this.#active?.version;
    this.#active = undefined;
    this.#standby = undefined;
    if (active !== undefined) this.queue.pinUnpinned(active.bundle.statement);
    await Promise.all(this.#versions.map((version) => version.drain(mostMs)));
    for (let left = this.queue.take(() => true); left !== undefined; left = this.queue.take(() => true)) {
      left.reject(new InferenceError("unavailable", `'${this.name}' is no longer served here`));
    }
  }

  pump(): void {
    for (const version of [...this.#versions]) version.pump();
  }
}

async function responseTo(pending: PendingRequest): Promise<InferResponse> {
  const { answer, bundle } = await pending.settled;
  const { name, version } = bundle.model;
  const totalMs = performance.now() - pending.arrivedMs;
  return {
    model: name,
    version,
    statement: bundle.statement,
    outputs: answer.outputs,
    queueMs: Math.max(0, totalMs - answer.inferMs),
    inferMs: answer.inferMs,
  };
}

function sameInterface(a: ModelJson, b: ModelJson): boolean {
  return JSON.stringify([a.inputs, a.outputs]) === JSON.stringify([b.inputs, b.outputs]);
}
