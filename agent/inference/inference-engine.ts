import type { ModelName, ModelVersion, StatementDigest } from "../../protocol/ids.ts";
import type { ModelJson } from "../../protocol/bundle/model-json.ts";
import type { Tensor } from "../../protocol/tensor.ts";
import type { Refusal } from "../../protocol/trust/refusal.ts";
import type { Evidence } from "../../protocol/trust/evidence.ts";
import type { SoakTraffic } from "../../protocol/trust/soak-traffic.ts";
import type { Agreement } from "./slot/agreement.ts";
import type { LoadedModel } from "./loaded-model.ts";

/** A bundle whose signature and every file have been checked, in a directory that only the agent writes. */
export interface VerifiedBundle {
  readonly directory: string;
  readonly statement: StatementDigest;
  readonly model: ModelJson;
}

/** A runner process with a model loaded, warm and tested, that gets no traffic yet. */
export interface Candidate {
  readonly bundle: VerifiedBundle;
  readonly evidence: Evidence;
}

export type Qualification =
  | { readonly kind: "qualified"; readonly candidate: Candidate }
  | { readonly kind: "refused"; readonly refusal: Refusal };

/** What answers under one name right now. */
export interface ServedSlot {
  readonly slot: ModelName;
  readonly bundle: VerifiedBundle;
  readonly evidence: Evidence;
  readonly sinceMs: number;
  /** False while no runner can compute, because all of them restart. */
  readonly ready: boolean;
  /** What soaks beside it, and answers a share of the requests or gets copies of them. */
  readonly trial?: ServedTrial;
}

export interface ServedTrial extends Pick<ServedSlot, "bundle" | "evidence" | "sinceMs" | "ready"> {
  readonly traffic: SoakTraffic;
}

/** What judges a soaking version. */
export interface Observed extends ObservedFigures {
  readonly statement: StatementDigest;
  /** Where it soaks beside the version that it is to replace: what that one did in the same time. */
  readonly former?: ObservedFigures;
  readonly agreement: ObservedAgreement;
  /** Of a version of the agent: what does not go on under it; a sentence without its full stop. */
  readonly unhealthy?: string;
}

/** Requests that both versions computed while one of them soaked. */
export interface ObservedAgreement {
  readonly compared: number;
  readonly alike: number;
  /** Copies for a shadow that it had no time for. */
  readonly dropped: number;
}

/** Counted from the moment a version got the traffic of its slot, a share of it, or copies. */
export interface ObservedFigures {
  /** Requests that this version has answered or failed; those that still wait are none yet. */
  readonly requests: number;
  /** Of these, those that failed for the model's sake: `model-failed`. */
  readonly failed: number;
  /**
   * Of those answered, those with NaN, an infinity, or a value outside the range that `model.json` declares, although
   * every number of the input was finite: a client that sends NaN must not bring down a rollout.
   */
  readonly badOutputs: number;
  /** Runner processes that ended by themselves, restarts that failed included. */
  readonly crashes: number;
  /** Of these, those of the last CRASH_WINDOW_MS. */
  readonly recentCrashes: number;
  /** Answers whose time counts: of a shadow, those that nothing disturbed. */
  readonly timed: number;
  /** Of the model's own time over the most recent of these; undefined before the first. */
  readonly latencyP95Ms: number | undefined;
}

/** The minute of "three crashes in a minute". */
export const CRASH_WINDOW_MS = 60_000;

/** A version with traffic that has gone and cannot be started again. */
export interface LostVersion {
  readonly slot: ModelName;
  readonly statement: StatementDigest;
  readonly refusal: Refusal;
}

export interface InferRequest {
  readonly slot: ModelName;
  /** Only this version may answer; absent: as the traffic of the slot is shared. */
  readonly version?: ModelVersion;
  /** The caller's own name for the request: what feedback is joined by. */
  readonly id?: string;
  /** Requests of one key are answered by one version while another soaks; absent: `id`, else each for itself. */
  readonly key?: string;
  readonly inputs: readonly Tensor[];
  /** The names of the outputs that are wanted, in this order; absent: all. */
  readonly outputs?: readonly string[];
  /** How long an answer is of use, from now. */
  readonly timeoutMs: number;
  /**
   * Called at most once, before the answer is given: neither the engine nor a runner needs the inputs any more, so that the
   * memory that holds them can be freed. Not called where something may still need them, which is rare.
   */
  readonly onInputsFree?: () => void;
}

export interface InferResponse {
  /** The request's. */
  readonly id?: string;
  readonly model: ModelName;
  readonly version: ModelVersion;
  readonly statement: StatementDigest;
  /** What answered: its description says what the outputs mean. */
  readonly bundle: VerifiedBundle;
  readonly outputs: readonly Tensor[];
  readonly queueMs: number;
  readonly inferMs: number;
}

/** One run of the model. */
export interface Execution {
  /** That were computed together; those whose callers have given up meanwhile included. */
  readonly requests: number;
  readonly inferMs: number;
}

/** Why a request got no outputs; `inference-error.ts` maps each to an OIP status. */
export type InferFailure =
  "unknown-model" | "unknown-version" | "bad-request" | "queue-full" | "timed-out" | "unavailable" | "model-failed";

/** Runs models in processes of their own; no request is lost over a swap or a crash that could have been answered. */
export interface InferenceEngine extends AsyncDisposable {
  /**
   * Starts a runner, loads, warms up, runs the golden set, holds it against the budgets. Never throws for a bad bundle.
   * Where old and new do not fit into the memory together, what answers in the slot is unloaded first: requests wait in
   * the slot's queue until the candidate is activated, or the former is loaded again, because the candidate was refused,
   * discarded, or not activated within a second. The evidence says which (`memoryMode`). A candidate that is to soak beside
   * what answers (`traffic`) is refused instead: `traffic-impossible`.
   */
  readonly qualify: (
    slot: ModelName,
    bundle: VerifiedBundle,
    signal: AbortSignal,
    traffic?: SoakTraffic,
  ) => Promise<Qualification>;
  /**
   * With `traffic`, and where something answers: the candidate gets its share of the requests, or copies of them, beside
   * the active version, until `release` or `turnBack`. Resolves to the traffic that it has; undefined: all of it.
   *
   * Otherwise turns the slot's traffic over, and resolves then. What answered stays loaded as the slot's standby (or unloaded,
   * where memory does not allow it) until `release` or `turnBack`. A slot has at most one standby: where there is one
   * already it stays, and what answered since answers what it has begun and ends; so does a lost version, which nobody
   * could turn back to. Throws Refused where the candidate waited so long that it must load again, and cannot: the former
   * version answers. Where it takes the end of this process (`ending`) to turn over, it settles after that.
   */
  readonly activate: (
    slot: ModelName,
    candidate: Candidate,
    traffic?: SoakTraffic,
    ending?: AbortSignal,
  ) => Promise<SoakTraffic | undefined>;
  /**
   * Turns the slot's traffic back to its standby, and resolves then, with the bundle that answers from here on; what
   * answered until now finishes what is bound to it and ends. Undefined where there is no standby: the slot is cleared.
   * Requests wait where the standby was unloaded and loads again. Throws Refused where it cannot: nothing answers then.
   * What soaks beside the active version ends, and the active one answers everything. As `activate` where it takes the end of
   * this process.
   */
  readonly turnBack: (slot: ModelName, ending?: AbortSignal) => Promise<VerifiedBundle | undefined>;
  /**
   * Ends the standby, after what is bound to it is answered. What soaks beside the active version gets all of the traffic,
   * and the active one ends so. Nothing happens where there is neither.
   */
  readonly release: (slot: ModelName) => Promise<void>;
  /** How the version that soaks has done, else the active one; undefined where nothing is active. */
  readonly observed: (slot: ModelName) => Observed | undefined;
  /**
   * Told when the active version of a slot, or the one that soaks beside it, ended and cannot be started again: its files
   * changed, or it crashes beyond its restarts. The one that is left answers everything. Called synchronously, once a version; must not throw. Requests go on waiting in the slot's queue within
   * their deadlines, for whatever is activated, turned back to or cleared next.
   */
  readonly onLost: (listener: (lost: LostVersion) => void) => Disposable;
  /** Ends a candidate that will not be used. */
  readonly discard: (candidate: Candidate) => Promise<void>;
  /** Stops serving a slot, after what it has begun is answered. */
  readonly clear: (slot: ModelName) => Promise<void>;
  readonly slots: () => readonly ServedSlot[];
  /** Throws InferenceError. */
  readonly infer: (request: InferRequest) => Promise<InferResponse>;
  /** Told of everything from here on, until disposed of. */
  readonly observe: (observer: InferenceObserver) => Disposable;
  /** What `/metrics` shows: each version, those that still drain included. */
  readonly gauges: () => readonly RunnerGauge[];
  /** Every version that holds memory or will again, slot by slot. */
  readonly models: () => readonly LoadedModel[];
}

/** The runners of one version. */
export interface RunnerGauge {
  readonly slot: ModelName;
  readonly version: ModelVersion;
  /** Those that can compute at this moment, and those that should. */
  readonly instances: { readonly ready: number; readonly wanted: number };
  /** Resident memory of their processes; 0 while they restart. */
  readonly residentBytes: number;
  readonly restarts: number;
  /** Requests that wait for them or are being computed. */
  readonly waiting: number;
}

/** What became of a copy. */
export type CopyOutcome =
  /** `inferMs` is undefined where other work disturbed it, so that its time says nothing of the version. */
  | { readonly kind: "answered"; readonly inferMs: number | undefined }
  | { readonly kind: "failed" }
  /** There was no time for it. */
  | { readonly kind: "dropped" };

/**
 * What the engine tells telemetry and metrics: called synchronously, must not throw, must be cheap. Requests for a model
 * that is not there are told to nobody: their names are anyone's invention.
 */
export interface InferenceObserver {
  readonly answered: (slot: ModelName, response: InferResponse) => void;
  /** The same answer, with the inputs that it is to. */
  readonly exchanged?: (slot: ModelName, inputs: readonly Tensor[], response: InferResponse) => void;
  /**
   * `version` was to answer when the request came. Told for a version on trial also where the active one answered after it:
   * its failure is one, although no caller saw it.
   */
  readonly failed: (slot: ModelName, failure: InferFailure, version: ModelVersion) => void;
  /** Once each time that the model computed something which succeeded; before the answers are told. */
  readonly executed?: (slot: ModelName, version: ModelVersion, execution: Execution) => void;
  /** A runner process ended by itself. */
  readonly crashed: (slot: ModelName, version: ModelVersion, why: string) => void;
  /** `version` soaks; what it and the version that it is to replace make of one request was held against each other. */
  readonly compared?: (slot: ModelName, version: ModelVersion, agreement: Agreement) => void;
  /** A copy of a request that another version had answered went to `version`, or did not. */
  readonly copied?: (slot: ModelName, version: ModelVersion, outcome: CopyOutcome) => void;
}
