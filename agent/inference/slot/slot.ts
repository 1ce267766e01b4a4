import type { Clock } from "../../../common/clock.ts";
import type { ModelName, ModelVersion, StatementDigest } from "../../../protocol/ids.ts";
import type { Evidence } from "../../../protocol/trust/evidence.ts";
import type { SoakTraffic } from "../../../protocol/trust/soak-traffic.ts";
import type { Agreement } from "./agreement.ts";
import { checkRequest } from "./check-request.ts";
import type {
  CopyOutcome,
  InferFailure,
  InferRequest,
  InferResponse,
  Observed,
  ObservedAgreement,
  ServedSlot,
  VerifiedBundle,
} from "../inference-engine.ts";
import { InferenceError } from "../inference-error.ts";
import { PendingRequest, RequestQueue, REQUESTS_WAITING_MAX } from "./request-queue.ts";
import { route, type Route } from "./route.ts";
import { sameInterface } from "./same-interface.ts";
import type { ServingVersion } from "./serving-version.ts";
import { StandbyComparison } from "./standby-comparison.ts";
import { Trial, type LoadedVersion } from "./trial.ts";

export interface SlotPorts {
  readonly clock: Clock;
  readonly random: () => number;
  /** What is told of the slot to whoever observes the engine. */
  readonly onFailed: (slot: ModelName, failure: InferFailure, version: ModelVersion) => void;
  readonly onCompared: (slot: ModelName, version: ModelVersion, agreement: Agreement) => void;
  readonly onCopied: (slot: ModelName, version: ModelVersion, outcome: CopyOutcome) => void;
}

/** What a version that is turned back from may still answer while the one before it waits for its memory. */
const TURN_BACK_DRAIN_MS_MAX = 2_000;

const NOTHING_COMPARED: ObservedAgreement = { compared: 0, alike: 0, dropped: 0 };

/** One model name: its queue, the version that answers, the one beside it while one of them soaks, and those that still drain. */
export class Slot {
  readonly name: ModelName;
  readonly queue = new RequestQueue();
  readonly #ports: SlotPorts;
  readonly #comparison: StandbyComparison;
  readonly #versions = new Set<ServingVersion>();
  /** Answered requests whose inputs may still be needed. */
  readonly #kept = new WeakSet<InferRequest>();
  /** Answers all that is nobody else's. */
  #active: LoadedVersion | undefined;
  /** Without traffic, loaded or not: what to turn back to while the active one soaks. */
  #standby: LoadedVersion | undefined;
  /** What soaks beside the active one. */
  #trial: Trial | undefined;
  #agreement = NOTHING_COMPARED;
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

  served(): ServedSlot | undefined {
    if (this.#active === undefined) return undefined;
    const { version, evidence, sinceMs } = this.#active;
    const served = { slot: this.name, bundle: version.bundle, evidence, sinceMs, ready: version.isReady };
    return this.#trial === undefined ? served : { ...served, trial: this.#trial.served() };
  }

  observed(): Observed | undefined {
    const [soaking, active] = [this.#trial?.version ?? this.active, this.active];
    if (soaking === undefined || active === undefined) return undefined;
    const { statement } = soaking.bundle;
    const observed = { statement, ...soaking.observed(), agreement: this.#agreement };
    return soaking === active ? observed : { ...observed, former: active.observed() };
  }

  /** Throws InferenceError. */
  async infer(request: InferRequest): Promise<InferResponse> {
    const active = this.active;
    if (active === undefined) throw new InferenceError("unknown-model", `Nothing serves '${this.name}'`);
    const routed = this.#route(active, request);
    const asked = routed === undefined || routed.kind === "active" ? active : (this.#loaded(routed.to) ?? active);
    try {
      if (routed === undefined) throw this.#unknownVersion(active, request.version);
      checkRequest(asked.bundle.model, request);
      const response = await this.#answer(request, routed);
      this.#compare(request, response, routed);
      return response;
    } catch (error) {
      if (error instanceof InferenceError) this.#ports.onFailed(this.name, error.failure, asked.bundle.model.version);
      throw error;
    }
  }

  /** Of a request that was answered: whether another version is to answer it too, or a runner may still be reading it. */
  keepsInputsOf(request: InferRequest): boolean {
    return this.#kept.has(request);
  }

  #route({ bundle: { statement, model } }: ServingVersion, { version, key, id }: InferRequest): Route | undefined {
    this.#trial?.noteRequest();
    const roles = { active: { statement, version: model.version }, trial: this.#trial?.role };
    return route(roles, { version, key: key ?? id ?? String(this.#ports.random()) });
  }

  #loaded(statement: StatementDigest): ServingVersion | undefined {
    return [this.active, this.#trial?.version].find((version) => version?.bundle.statement === statement);
  }

  #unknownVersion(active: ServingVersion, version: ModelVersion | undefined): InferenceError {
    const there = [active, this.#trial?.version].flatMap((one) => one?.bundle.model.version ?? []).join(" and ");
    const message = `Request for unknown version: '${this.name}' version ${version ?? ""} is not found; version ${there} is there`;
    return new InferenceError("unknown-version", message);
  }

  async #answer(request: InferRequest, routed: Route): Promise<InferResponse> {
    const only = routed.kind === "only" ? routed.to : undefined;
    const pending = new PendingRequest(request, only, routed.kind === "trial" ? routed.to : undefined);
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
    // Of another attempt something may still lie before the socket of a runner that ended.
    if (pending.attempts > 1) this.#kept.add(request);
    return response;
  }

  /** While a version soaks, some answers are held against what the other version makes of the same request. */
  #compare(request: InferRequest, response: InferResponse, routed: Route): void {
    const { active, standby } = this;
    if (active?.bundle.statement !== response.statement) return;
    if (this.#trial?.traffic.kind === "shadow") {
      if (routed.kind !== "active" || !routed.isCopied) return;
      this.#kept.add(request);
      this.#trial.copy(request, response);
      return;
    }
    const other = this.#trial?.version ?? standby;
    if (other === undefined || !this.#comparison.isDue) return;
    if (!sameInterface(active.bundle.model, other.bundle.model)) return;
    const soaking = this.#trial?.version ?? active;
    this.#kept.add(request);
    const ask = async () => {
      const aside = await other.answerAside(request.inputs, request.outputs);
      return aside.kind === "answered" ? aside.answer.outputs : undefined;
    };
    this.#comparison.offer(ask, { inputs: request.inputs, outputs: response.outputs }, (agreement) => {
      this.#noteAgreement(soaking.bundle.model.version, agreement);
    });
  }

  #noteAgreement(version: ModelVersion, agreement: Agreement): void {
    const { compared, alike, dropped } = this.#agreement;
    this.#agreement = { compared: compared + 1, alike: alike + (agreement.isSame ? 1 : 0), dropped };
    this.#ports.onCompared(this.name, version, agreement);
  }

  #noteCopy(version: ModelVersion, outcome: CopyOutcome): void {
    const { dropped } = this.#agreement;
    if (outcome.kind === "dropped") this.#agreement = { ...this.#agreement, dropped: dropped + 1 };
    this.#ports.onCopied(this.name, version, outcome);
  }

  /**
   * The version soaks beside the active one. Undefined where nothing is active, or what is cannot answer any more, or is the
   * same bundle (with other parameters): then `activate` is all that is left. Where another soaked so, that one ends.
   */
  tryOut(version: ServingVersion, evidence: Evidence, traffic: SoakTraffic, nowMs: number): SoakTraffic | undefined {
    if (this.#active === undefined || this.#active.version.isLost) return undefined;
    if (this.#active.version.bundle.statement === version.bundle.statement) return undefined;
    this.#endTrial();
    this.#agreement = NOTHING_COMPARED;
    this.#active.version.observeAnew();
    this.#versions.add(version);
    const ports = {
      underWay: () => this.queue.length + [...this.#versions].reduce((sum, { inFlight }) => sum + inFlight, 0),
      onCopied: (label: ModelVersion, outcome: CopyOutcome) => {
        this.#noteCopy(label, outcome);
      },
      onCompared: (label: ModelVersion, agreement: Agreement) => {
        this.#noteAgreement(label, agreement);
      },
      clock: this.#ports.clock,
    };
    this.#trial = new Trial(ports, { version, evidence, sinceMs: nowMs }, traffic);
    return traffic;
  }

  /** What it has begun, and what names it, is still answered by it; what was its turn is the active version's. */
  #endTrial(): void {
    const trial = this.#trial;
    if (trial === undefined) return;
    this.#trial = undefined;
    trial.end();
    this.queue.takeFrom(trial.version.bundle.statement);
    void this.#end(trial.version);
    this.pump();
  }

  /** The version on trial has all of the traffic from here on; resolves when the one before it is gone. */
  async #promote(trial: Trial): Promise<void> {
    const former = this.#active;
    this.#trial = undefined;
    trial.promote();
    this.#active = trial.loaded;
    // Where it restarts at this moment, it answers as soon as it is there.
    trial.version.serve().catch(() => undefined);
    this.pump();
    if (former !== undefined) await this.#end(former.version);
  }

  /** A process of the version has been started again. */
  onStarted(version: ServingVersion, pid: number): void {
    if (this.#trial?.version === version) this.#trial.onStarted([pid]);
  }

  /** A process of the version ended by itself: what was its turn is answered by the active one meanwhile. */
  onCrash(version: ServingVersion): void {
    if (this.#trial?.version !== version) return;
    this.queue.takeFrom(version.bundle.statement);
    this.pump();
  }

  /**
   * The version is lost: what soaks beside it takes its place. True where somebody has to know: the slot has an answer
   * less, and nobody was waiting for this version to come back.
   */
  onLost(version: ServingVersion): boolean {
    const trial = this.#trial;
    if (trial?.version === version) return true;
    if (this.#active?.version !== version || this.#returning === version) return false;
    if (trial !== undefined && !trial.version.isLost) void this.#promote(trial);
    return true;
  }

  /**
   * Turns the traffic over in one step. The former version stands by; it ends where another stands by already, or where
   * it is lost, so that there would be nothing to turn back to.
   */
  activate(version: ServingVersion, evidence: Evidence, nowMs: number): void {
    const former = this.#active;
    this.#endTrial();
    this.#agreement = NOTHING_COMPARED;
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
   * where it cannot be loaded: nothing answers then. What soaks beside the active version ends, and nothing else changes.
   */
  async turnBack(nowMs: number): Promise<VerifiedBundle | undefined> {
    if (this.#trial !== undefined) {
      this.#endTrial();
      return this.active?.bundle;
    }
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

  /** Resolves when the version that was replaced has answered what is bound to it and is gone. */
  async release(): Promise<void> {
    const standby = this.#standby;
    this.#standby = undefined;
    if (this.#trial !== undefined) await this.#promote(this.#trial);
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
    this.#trial?.end();
    this.#trial = undefined;
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
  const { id } = pending.request;
  return {
    ...(id === undefined ? {} : { id }),
    model: name,
    version,
    statement: bundle.statement,
    bundle,
    outputs: answer.outputs,
    queueMs: Math.max(0, totalMs - answer.inferMs),
    inferMs: answer.inferMs,
  };
}
