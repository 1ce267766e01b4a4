/** Figures of the controller for Prometheus, read when they are asked for. */
import { Gauge, Registry, collectDefaultMetrics } from "prom-client";
import type { Store } from "./store/store.ts";
import type { IngestCounters } from "./telemetry/ingest.ts";
import type { TransferStatus } from "./transfer/transfer-service.ts";

export interface MetricsPorts {
  readonly store: Store;
  readonly devices: () => Promise<{ readonly total: number; readonly online: number }>;
  readonly ingest: Readonly<IngestCounters>;
  readonly transfers: () => readonly TransferStatus[];
  readonly sentBytes: () => number;
  readonly isBrokerConnected: () => boolean;
}

/** Gives the text of all figures. */
export function createMetrics(ports: MetricsPorts): () => Promise<string> {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const figures: readonly { name: string; help: string; read: () => number | Promise<number> }[] = [
    { name: "modelferry_devices", help: "Devices known.", read: async () => (await ports.devices()).total },
    { name: "modelferry_devices_online", help: "Devices online.", read: async () => (await ports.devices()).online },
    { name: "modelferry_rollouts_running", help: "Rollouts under way.", read: () => countRunning(ports.store) },
    {
      name: "modelferry_broker_connected",
      help: "1 while there is a connection to the broker.",
      read: () => Number(ports.isBrokerConnected()),
    },
    {
      name: "modelferry_telemetry_records_total",
      help: "Telemetry records stored since the start.",
      read: () => ports.ingest.records,
    },
    {
      name: "modelferry_telemetry_duplicates_total",
      help: "Telemetry records that came again.",
      read: () => ports.ingest.duplicates,
    },
    {
      name: "modelferry_telemetry_malformed_total",
      help: "Telemetry batches that could not be read.",
      read: () => ports.ingest.malformed,
    },
    {
      name: "modelferry_telemetry_refused_total",
      help: "Telemetry batches turned away because too many waited.",
      read: () => ports.ingest.refused,
    },
    {
      name: "modelferry_transfers_active",
      help: "Archives on their way to devices.",
      read: () => ports.transfers().length,
    },
    {
      name: "modelferry_transfer_sent_bytes_total",
      help: "Bytes of archives sent, each counted once however many devices hear it.",
      read: ports.sentBytes,
    },
  ];
  for (const { name, help, read } of figures) {
    new Gauge({
      name,
      help,
      registers: [registry],
      async collect() {
        this.set(await read());
      },
    });
  }
  return () => registry.metrics();
}

async function countRunning(store: Store): Promise<number> {
  const { count } = await store
    .selectFrom("rollouts")
    .select(({ fn }) => fn.countAll<number>().as("count"))
    .where("state", "=", "running")
    .executeTakeFirstOrThrow();
  return count;
}
