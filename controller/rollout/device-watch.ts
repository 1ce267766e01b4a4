import type { ModelName, ModelVersion, StreamId } from "../../protocol/ids.ts";
import type { RecordFields } from "../../protocol/messages/telemetry-batch.ts";
import { counterFor, type GateCounter } from "./gate-counter.ts";
import { findMetric, type GateMetric } from "./gate-metrics.ts";
import { inferenceOf, type MeasuredRecord } from "./measured-record.ts";
import type { Gate } from "./rollout-spec.ts";

/** A telemetry record as far as a gate cares; those of one stream come in the order in which the device wrote them. */
export interface WatchedRecord {
  readonly stream: StreamId;
  readonly seq: number;
  readonly receivedMs: number;
  /** True where it waited on the device for a connection: it may be older than it seems. */
  readonly backfill: boolean;
  readonly kind: string;
  readonly fields: RecordFields;
}

/** Whose records count, and since when. */
export interface Watched {
  readonly slot: ModelName;
  readonly version: ModelVersion;
  readonly replaces: ModelVersion | null;
  /** The one that it replaces answers meanwhile: what that one does then is what it is held against. */
  readonly isBeside: boolean;
  readonly sinceMs: number;
}

export interface WatchedGate {
  readonly gate: Gate;
  readonly metric: GateMetric;
}

/** Gates on metrics that do not exist are refused when a rollout is made. */
export function watchedGate(gate: Gate): WatchedGate {
  const found = findMetric(gate.metric);
  if (found.kind === "refused") throw new Error(found.why);
  return { gate, metric: found.metric };
}

/** Watches one device from the first sign that the version answers there; before that it keeps nothing. */
export class DeviceWatch {
  readonly #gates: readonly WatchedGate[];
  #counters: readonly GateCounter[] | undefined;
  #hasLiveRecord = false;

  constructor(gates: readonly WatchedGate[]) {
    this.#gates = gates;
  }

  /** In the order of the gates; undefined until the version has answered. */
  get counters(): readonly GateCounter[] | undefined {
    return this.#counters;
  }

  /** True where this record is the first sign of the version: `begin` is to be called before it is added. */
  isBeginning(watched: Watched, record: WatchedRecord): boolean {
    if (this.#counters !== undefined || record.receivedMs < watched.sinceMs) return false;
    return isOf(watched.slot, watched.version, record) || isSwapTo(watched, record);
  }

  /** `former`: records of the device before that, oldest first. */
  begin({ slot, replaces, isBeside }: Watched, former: readonly WatchedRecord[]): void {
    const measured =
      replaces === null || isBeside ? [] : former.flatMap((record) => measuredOf(slot, replaces, record) ?? []);
    this.#counters = this.#gates.map(({ gate, metric }) => counterFor(gate, metric, measured));
    this.#hasLiveRecord = false;
  }

  add({ slot, version, replaces, isBeside }: Watched, record: WatchedRecord): void {
    if (this.#counters === undefined) return;
    const measured = measuredOf(slot, version, record);
    if (measured !== undefined) {
      if (!record.backfill) this.#hasLiveRecord = true;
      for (const counter of this.#counters) counter.add(measured);
    } else if (replaces === null || !isOf(slot, replaces, record)) return;
    else if (isBeside) for (const counter of this.#counters) counter.addFormer(record);
    else if (!this.#hasLiveRecord) {
      // What was counted came late, and the version before answers after it: it was of an earlier stay of the version.
      this.#counters = undefined;
    }
  }
}

/** Undefined for what another version or another slot did. */
function measuredOf(slot: ModelName, version: ModelVersion, record: WatchedRecord): MeasuredRecord | undefined {
  return record.kind !== "inference" || isOf(slot, version, record) ? record : undefined;
}

function isOf(slot: ModelName, version: ModelVersion, { kind, fields }: WatchedRecord): boolean {
  const inference = kind === "inference" ? inferenceOf(fields) : undefined;
  return inference?.slot === slot && inference.version === version;
}

/** The device says itself when the traffic is turned over: a slot without requests has no other sign. */
function isSwapTo({ slot, version }: Watched, { kind, fields }: WatchedRecord): boolean {
  return kind === "event" && fields["event"] === "swapped" && fields["slot"] === slot && fields["version"] === version;
}
