import type { Clock } from "../../common/clock.ts";
import type { ModelName, ModelVersion, StatementDigest } from "../../protocol/ids.ts";
import type { ModelJson } from "../../protocol/bundle/model-json.ts";
import type { Evidence } from "../../protocol/trust/evidence.ts";
import type { Agreement } from "./agreement.ts";
import { checkRequest } from "./check-request.ts";
import type { InferRequest, InferResponse, Observed, ServedSlot, VerifiedBundle } from "./inference-engine.ts";
import { InferenceError } from "./inference-error.ts";
import { PendingRequest, RequestQueue, REQUESTS_WAITING_MAX } from "./request-queue.ts";
import type { ServingVersion } from "./serving-version.ts";
import { StandbyComparison } from "./standby-comparison.ts";

interface Loaded {
  readonly version: ServingVersion;
  readonly evidence: Evidence;
  readonly sinceMs: number;
}

export interface SlotPorts {
  readonly clock: Clock;
  /** An answer of `version` was held against the standby's. */
  readonly onCompared: (slot: ModelName, version: ModelVersion, agreement: Agreement) => void;
}

/** What a version that is turned back from may still answer while the one before it waits for its memory. */
const TURN_BACK_DRAIN_MS_MAX = 2_000;

/** One model name: its queue, the version that answers, the one to turn back to, and those that still drain. */
export class Slot {
  readonly name: ModelName;
  readonly queue = new RequestQueue();
  readonly #ports: SlotPorts;
  readonly #comparison: StandbyComparison;
  readonly #versions = new Set<ServingVersion>();
  #active: Loaded | undefined;
  /** Without traffic, loaded or not: what to turn back to. */
  #standby: Loaded | undefined;
  /** The former standby, while it is loaded again: whoever turned back hears of its failure, and nobody else. */
  #returning: ServingVersion | undefined;

  constructor(name: ModelName, ports: SlotPorts) {
    this.name = name;
    this.#ports = ports;
    this.#comparison = new StandbyComparison(ports.clock);
  }

  /** All that may hold memory. */
  get versions(): ReadonlySet<ServingVersion> {
    return this.#versions;
  }

  get active(): ServingVersion | undefined {
    return this.#active?.version;
  }

  get standby(): ServingVersion | undefined {
    return this.#standby?.version;
  }

  /** Whether the loss of this version leaves the slot without an answer, and nobody knows it yet. */
  isMissed(version: ServingVersion): boolean {
    return this.#active?.version === version && this.#returning !== version;
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
    const response = await responseTo(pending);
    this.#compare(request, response);
    return response;
  }

  /** While a standby is there, some answers are held against what it would have said. */
  #compare({ inputs, outputs: wanted }: InferRequest, { statement, version, outputs }: InferResponse): void {
    const [active, standby] = [this.active, this.standby];
    if (standby === undefined || !this.#comparison.isDue || active?.bundle.statement !== statement) return;
    if (!sameInterface(active.bundle.model, standby.bundle.model)) return;
    const ask = () => standby.answerAside(inputs, wanted);
    this.#comparison.offer(ask, { inputs, outputs }, (agreement) => {
      this.#ports.onCompared(this.name, version, agreement);
    });
  }

  /**
   * Turns the traffic over in one step. The former version stands by; it ends where another stands by already, or where
   * it is lost, so that there would be nothing to turn back to.
   */
  activate(version: ServingVersion, evidence: Evidence, nowMs: number): void {
    const former = this.#active;
    this.#bindWaiting(version);
    this.#versions.add(version);
    this.#active = { version, evidence, sinceMs: nowMs };
    this.pump();
    if (former === undefined) return;
    if (this.#standby !== undefined || former.version.isLost) {
      void this.#end(former.version);
      return;
    }
    this.#standby = former;
    former.version.standBy();
    this.#rejectUnanswerable(former.version);
  }

  /**
   * Traffic to the standby: in one step where it is loaded, else when it is. Undefined where there is none. Throws Refused
   * where it cannot be loaded: nothing answers then.
   */
  async turnBack(nowMs: number): Promise<VerifiedBundle | undefined> {
    const [failed, standby] = [this.#active, this.#standby];
    if (standby === undefined) return undefined;
    const { version } = standby;
    this.#bindWaiting(version);
    this.#active = { ...standby, sinceMs: nowMs };
    this.#standby = undefined;
    if (version.isOff) await this.#returnTo(version, failed?.version);
    else {
      // Where it restarts at this moment, it has the traffic as soon as it is there.
      version.serve().catch(() => undefined);
      if (failed !== undefined) void this.#end(failed.version);
    }
    return version.bundle;
  }

  /** They did not fit into the memory together, so one ends before the other loads. */
  async #returnTo(version: ServingVersion, failed: ServingVersion | undefined): Promise<void> {
    this.#returning = version;
    try {
      if (failed !== undefined) await this.#end(failed, TURN_BACK_DRAIN_MS_MAX);
      await version.serve();
    } catch (error) {
      if (this.#active?.version === version) this.#active = undefined;
      void this.#end(version);
      throw error;
    } finally {
      this.#returning = undefined;
    }
  }

  /** Resolves when the standby has answered what is bound to it and is gone. */
  async release(): Promise<void> {
    const standby = this.#standby;
    this.#standby = undefined;
    if (standby !== undefined) await this.#end(standby.version);
  }

  /** The standby gives its memory back, and stays what to turn back to. */
  async unloadStandby(): Promise<void> {
    const standby = this.#standby?.version;
    await standby?.unload();
    if (standby !== undefined) this.#rejectUnanswerable(standby);
  }

  /** Answers all that waits, then ends every process of this slot; what is left after `mostMs` is turned away. */
  async close(mostMs?: number): Promise<void> {
    const active = this.#active?.version;
    this.#active = undefined;
    this.#standby = undefined;
    if (active !== undefined) this.queue.pinUnpinned(active.bundle.statement);
    await Promise.all([...this.#versions].map((version) => version.drain(mostMs)));
    this.#reject(() => true, `'${this.name}' is no longer served here`);
  }

  pump(): void {
    for (const version of this.#versions) version.pump();
  }

  /** What waits for a version whose inputs or outputs differ from the next one's stays with it. */
  #bindWaiting(next: ServingVersion): void {
    const former = this.#active?.version.bundle;
    if (former !== undefined && !sameInterface(former.model, next.bundle.model))
      this.queue.pinUnpinned(former.statement);
  }

  async #end(version: ServingVersion, mostMs?: number): Promise<void> {
    await version.drain(mostMs);
    this.#versions.delete(version);
    this.#rejectUnanswerable(version);
    this.pump();
  }

  /** What is bound to a version that is not loaded any more, and is not the one that will be again. */
  #rejectUnanswerable({ bundle: { statement, model } }: ServingVersion): void {
    const mayAnswer = (other: ServingVersion) => !other.isOff || other === this.active;
    if ([...this.#versions].some((other) => other.bundle.statement === statement && mayAnswer(other))) return;
    const isBound = ({ only }: { readonly only: StatementDigest | undefined }) => only === statement;
    this.#reject(isBound, `'${this.name}' version ${model.version} was replaced and is not loaded any more`);
  }

  #reject(which: (pending: PendingRequest) => boolean, why: string): void {
    for (let left = this.queue.take(which); left !== undefined; left = this.queue.take(which)) {
      left.reject(new InferenceError("unavailable", why));
    }
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
  return interfaceOf(a) === interfaceOf(b);
}

function interfaceOf({ inputs, outputs }: ModelJson): string {
  const tensors = [inputs, outputs].map((specs) => specs.map(({ name, datatype, shape }) => [name, datatype, shape]));
  return JSON.stringify(tensors);
}
