import type { Clock } from "../../common/clock.ts";
import { messageOf } from "../../common/ferry-error.ts";
import type { Log } from "../../common/log.ts";
import type { Baseline } from "../../protocol/bundle/baseline.ts";
import type { ModelName, StatementDigest } from "../../protocol/ids.ts";
import type { InferenceObserver, InferResponse, VerifiedBundle } from "../inference/inference-engine.ts";
import type { RecordSink } from "../telemetry/event.ts";
import { readBaseline } from "./read-baseline.ts";
import { VersionWatch } from "./version-watch.ts";

/** Watches what models are given and what they make of it: one record for each feature and window with traffic. */
export interface DistributionRecorder extends InferenceObserver {
  /** Writes its records every window, and once more when it ends. */
  readonly run: (signal: AbortSignal) => Promise<void>;
  readonly flush: () => void;
}

export interface DistributionRecorderPorts {
  readonly outbox: RecordSink;
  readonly clock: Clock;
  readonly log: Log;
  readonly windowMs?: number | undefined;
}

/** A window of drift: what changes faster is for latencies and errors; 288 records of a feature and day. */
const WINDOW_MS = 300_000;
/** Slots times versions: 16 slots with an old and a new version. The one that answered least recently is forgotten. */
const VERSIONS_MAX = 32;

type Watched =
  /** Answers meanwhile are not looked at: without its frames the first window could not be added to the baseline. */
  { readonly kind: "reading" } | { readonly kind: "watching"; readonly watch: VersionWatch };

export function createDistributionRecorder(ports: DistributionRecorderPorts): DistributionRecorder {
  const { outbox, clock, log, windowMs = WINDOW_MS } = ports;
  const versions = new Map<StatementDigest, Watched>();
  let sinceMs = clock.monotonicMs();

  function begin(slot: ModelName, { bundle, statement }: InferResponse): void {
    versions.set(statement, { kind: "reading" });
    const [oldest] = versions.keys();
    if (versions.size > VERSIONS_MAX && oldest !== undefined) versions.delete(oldest);
    void read(bundle).then((baseline) => {
      if (!versions.has(statement)) return;
      versions.set(statement, {
        kind: "watching",
        watch: new VersionWatch(slot, bundle.model, baseline, performance.now()),
      });
    });
  }

  async function read(bundle: VerifiedBundle): Promise<Baseline | undefined> {
    try {
      return await readBaseline(bundle);
    } catch (error) {
      const { name, version } = bundle.model;
      log.warn({ slot: name, version, error: messageOf(error) }, "the bundle's baseline cannot be read; going without");
      return undefined;
    }
  }

  function flush(): void {
    const nowMs = clock.monotonicMs();
    for (const watched of versions.values()) {
      if (watched.kind !== "watching") continue;
      for (const fields of watched.watch.take(nowMs - sinceMs)) outbox.append("distribution", fields);
    }
    sinceMs = nowMs;
  }

  return {
    answered: () => undefined,
    exchanged: (slot, inputs, response) => {
      const watched = versions.get(response.statement);
      if (watched === undefined) begin(slot, response);
      else if (watched.kind === "watching") {
        watched.watch.add(inputs, response.outputs, () => performance.now());
      }
    },
    failed: () => undefined,
    crashed: () => undefined,
    flush,
    run: async (signal) => {
      while (!signal.aborted) {
        await clock.sleep(windowMs, signal);
        flush();
      }
    },
  };
}
