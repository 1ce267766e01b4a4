/** Figures that the program itself keeps while it runs. */
import { PROBLEM_NAMES } from "../telemetry/problem-names.ts";
import type { IngestCounters } from "../telemetry/ingest.ts";
import type { RollUpCounters } from "../telemetry/roll-up.ts";
import type { TransferStatus } from "../transfer/transfer-service.ts";
import type { MetricReaders } from "./create-metrics.ts";
import type { storeReaders } from "./store-readers.ts";

export interface ProgramFigures {
  readonly version: string;
  readonly ingest: Readonly<IngestCounters>;
  readonly rollUp: Readonly<RollUpCounters>;
  readonly transfers: { readonly active: () => readonly TransferStatus[]; readonly sentBytes: () => number };
  readonly isBrokerConnected: () => boolean;
  readonly rootExpiresMs: () => number;
}

export function programReaders({
  version,
  ingest,
  rollUp,
  transfers,
  isBrokerConnected,
  rootExpiresMs,
}: ProgramFigures): Omit<MetricReaders, keyof ReturnType<typeof storeReaders>> {
  return {
    modelferry_build_info: () => [{ labels: { version }, value: 1 }],
    modelferry_broker_connected: () => Number(isBrokerConnected()),
    modelferry_transfers_active: () => transfers.active().length,
    modelferry_transfer_sent_bytes_total: transfers.sentBytes,
    modelferry_telemetry_batches_total: () => ingest.batches,
    modelferry_telemetry_records_total: () => ingest.records,
    modelferry_telemetry_duplicates_total: () => ingest.duplicates,
    modelferry_telemetry_refused_batches_total: () => ingest.refused,
    modelferry_telemetry_problems_total: () =>
      PROBLEM_NAMES.map((problem) => ({ labels: { problem }, value: ingest.problems[problem] })),
    modelferry_telemetry_waiting_bytes: () => ingest.waitingBytes,
    modelferry_telemetry_wait_seconds_total: () => ingest.waitedMs / 1_000,
    modelferry_telemetry_store_failures_total: () => ingest.failures,
    modelferry_telemetry_rolled_up_records_total: () => rollUp.rolled,
    modelferry_telemetry_roll_up_failures_total: () => rollUp.failures,
    modelferry_root_expires_timestamp_seconds: () => rootExpiresMs() / 1_000,
  };
}
