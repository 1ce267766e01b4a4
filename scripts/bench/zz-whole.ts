import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
const root = process.argv[2]!;
const imp = (p: string) => import(`${root}/${p}`);
const { createAckInbox } = await imp("agent/telemetry/ack-inbox.ts");
const { openOutbox } = await imp("agent/telemetry/outbox.ts");
const { runUplink } = await imp("agent/telemetry/uplink.ts");
const { systemClock: clock } = await imp("common/clock.ts");
const { openLog } = await imp("common/log.ts");
const { openStore } = await imp("controller/store/store.ts");
const { openTelemetryIngest } = await imp("controller/telemetry/ingest.ts");
const { healthFields, inferenceFields } = await imp("scripts/bench/telemetry-records.ts");
const log = openLog("bench", "warn");
const kind = process.argv[3] as any; const N = Number(process.argv[4] ?? 30000); const rounds = Number(process.argv[5] ?? 3);
const records = Array.from({ length: N }, (_, n) => (kind === "health" ? healthFields : inferenceFields)(n));
for (let r = 0; r < rounds; r++) {
  const directory = await mkdtemp(join(tmpdir(), "whole-"));
  const stopping = new AbortController();
  const outbox = openOutbox(join(directory, "outbox.db"), { clock, log });
  const opened = await openStore(join(directory, "controller.db"));
  const acks = createAckInbox({ clock, log });
  const ingest = openTelemetryIngest({ store: opened.store, fleet: "bench", clock, log, publish: (_t: any, p: any) => { acks.put(p); return Promise.resolve(); } });
  let session: any;
  const ports = { outbox, acks, clock, log, random: Math.random, publish: (p: any) => { ingest.onBatch("d1", p); return Promise.resolve(); }, session: () => session, lingerMs: 10 };
  const running = runUplink(ports, stopping.signal);
  const c0 = process.cpuUsage(); const t0 = performance.now();
  for (const [n, fields] of records.entries()) { outbox.append(kind, fields); if (n % 500 === 499) await turn(); }
  const c1 = process.cpuUsage(c0); const t1 = performance.now();
  session = "s1";
  while (outbox.pending > 0 || outbox.lanes().length > 1) await turn();
  const c2 = process.cpuUsage(c0); const t2 = performance.now();
  const us = (c: any) => ((c.user + c.system) / N).toFixed(1);
  console.log(kind, "append wall", ((t1 - t0) * 1000 / N).toFixed(1), "cpu", us(c1), "| all wall", ((t2 - t0) * 1000 / N).toFixed(1), "cpu us/record", us(c2), "stored", ingest.counters.records);
  stopping.abort(); await running; await ingest[Symbol.asyncDispose](); await outbox[Symbol.asyncDispose](); await opened[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
}
