import type { ModelName, ModelVersion, StatementDigest } from "../../protocol/ids.ts";
import type { ModelJson } from "../../protocol/bundle/model-json.ts";
import type { Tensor } from "../../protocol/tensor.ts";
import type { Refusal } from "../../protocol/trust/refusal.ts";
import type { Evidence } from "../../protocol/trust/report.ts";

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
  /** False while the runner restarts after a crash. */
  readonly ready: boolean;
}

export interface InferRequest {
  readonly slot: ModelName;
  /** Only this version may answer; absent: whichever is active. */
  readonly version?: ModelVersion;
  readonly inputs: readonly Tensor[];
  /** The names of the outputs that are wanted, in this order; absent: all. */
  readonly outputs?: readonly string[];
  /** How long an answer is of use, from now. */
  readonly timeoutMs: number;
}

export interface InferResponse {
  readonly model: ModelName;
  readonly version: ModelVersion;
  readonly statement: StatementDigest;
  readonly outputs: readonly Tensor[];
  readonly queueMs: number;
  readonly inferMs: number;
}

/** Why a request got no outputs; `inference-error.ts` maps each to an OIP status. */
export type InferFailure =
  "unknown-model" | "unknown-version" | "bad-request" | "queue-full" | "timed-out" | "unavailable" | "model-failed";

/** Runs models in processes of their own; no request is lost over a swap or a crash that could have been answered. */
export interface InferenceEngine extends AsyncDisposable {
  /** Starts a runner, loads, warms up, runs the golden set, holds it against the budgets. Never throws for a bad bundle. */
  readonly qualify: (bundle: VerifiedBundle, signal: AbortSignal) => Promise<Qualification>;
  /** Turns the slot's traffic over; the former version answers what it has begun, then its process ends. */
  readonly activate: (slot: ModelName, candidate: Candidate) => Promise<void>;
  /** Ends a candidate that will not be used. */
  readonly discard: (candidate: Candidate) => Promise<void>;
  /** Stops serving a slot, after what it has begun is answered. */
  readonly clear: (slot: ModelName) => Promise<void>;
  readonly slots: () => readonly ServedSlot[];
  /** Throws InferenceError. */
  readonly infer: (request: InferRequest) => Promise<InferResponse>;
  /** Told of everything from here on, until disposed of. */
  readonly observe: (observer: InferenceObserver) => Disposable;
  /** What `/metrics` shows: each runner, those that still drain included. */
  readonly gauges: () => readonly RunnerGauge[];
}

export interface RunnerGauge {
  readonly slot: ModelName;
  readonly version: ModelVersion;
  /** Resident memory of its process; 0 while it restarts. */
  readonly residentBytes: number;
  readonly restarts: number;
  /** Requests that wait for it or are being computed. */
  readonly waiting: number;
}

/**
 * What the engine tells telemetry and metrics: called synchronously, must not throw, must be cheap. Requests for a model
 * that is not there are told to nobody: their names are anyone's invention.
 */
export interface InferenceObserver {
  readonly answered: (slot: ModelName, response: InferResponse) => void;
  /** `version` was active when the request came. */
  readonly failed: (slot: ModelName, failure: InferFailure, version: ModelVersion) => void;
  /** A runner process ended by itself. */
  readonly crashed: (slot: ModelName, version: ModelVersion, why: string) => void;
}
