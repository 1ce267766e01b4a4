import type { ModelName, ModelVersion, StatementDigest } from "../../protocol/ids.ts";

/** A version that holds memory, or will again: what `ferry-agent models` shows. */
export interface LoadedModel {
  readonly slot: ModelName;
  readonly version: ModelVersion;
  readonly statement: StatementDigest;
  readonly state: LoadedState;
  readonly provider: string;
  /** Undefined for a bundle with one file. */
  readonly variant: string | undefined;
  /** Resident at this moment; 0 while nothing of it is loaded. */
  readonly memoryBytes: number;
  /** Of the model's own time over its most recent answers; undefined before the first. */
  readonly latencyP95Ms: number | undefined;
  readonly restarts: number;
  /** Since when it has the traffic of its slot; undefined where it has none of its own. */
  readonly sinceMs: number | undefined;
}

export type LoadedState =
  /** It has the traffic of its slot. */
  | "answers"
  /** It has it, and its process is being started again: requests wait. */
  | "restarts"
  /** It has it, and gave its memory back for a while: requests wait, or are refused. */
  | "suspended"
  /** It has it, and cannot be started again. */
  | "lost"
  /** It gets a share of the requests, or copies. */
  | "on-trial"
  /** What to turn back to. */
  | "stands-by"
  /** The same, without memory: it is loaded again when it is needed. */
  | "unloaded"
  /** It answers what it has begun, and ends. */
  | "ends";
