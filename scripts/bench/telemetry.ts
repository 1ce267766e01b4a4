/**
 * Measures in one run: what SQLite itself does with bare batched inserts of the same records; what the controller's
 * ingest does with batches that are ready; the whole way, from `append` on the device to the last acknowledgement; and
 * the bytes of a record on the wire against JSON rows.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { createAckInbox } from "../../agent/telemetry/ack-inbox.ts";
import { openOutbox } from "../../agent/telemetry/outbox.ts";
import { encodeFitting, runUplink } from "../../agent/telemetry/uplink.ts";
import { systemClock } from "../../common/clock.ts";
import { openLog } from "../../common/log.ts";
import { openSqlite } from "../../common/sqlite.ts";
import { openStore } from "../../controller/store/store.ts";
import { openTelemetryIngest } from "../../controller/telemetry/ingest.ts";
import type { DeviceId, FleetId } from "../../protocol/ids.ts";
import type { RecordFields } from "../../protocol/messages/telemetry-batch.ts";

/** A few seconds in all on two cores. */
const RECORDS = 40_000;
/** The controller's ingest has to reach this share of what bare inserts do. */
const RATIO_MIN = 0.3;

const clock = systemClock;
const log = openLog("bench", "warn");
const fleet = "bench" as FleetId;
const device = "d1" as DeviceId;
const limits = { recordsMax: 500, bytesMax: 144_000 };

const directory = await mkdtemp(join(tmpdir(), "ferry-bench-"));
try {
  const bare = await bareInserts();
  const { rate: ingest, wireBytes } = await ingestOnly();
  const whole = await wholeWay();
  const jsonBytes = Buffer.byteLength(
    JSON.stringify({ seq: 1_000, atMs: 1_800_000_000_000, kind: "health", ...fieldsOf(1_000) }),
  );
  const say = (what: string, value: string) => process.stdout.write(`${what.padEnd(46)} ${value.padStart(10)}\n`);
  say("bare SQLite, 500 rows a transaction, records/s", bare.toFixed(0));
  say("controller's ingest, records/s", ingest.toFixed(0));
  say(`  of bare (at least ${RATIO_MIN})`, (ingest / bare).toFixed(2));
  say("device to database and back, records/s", whole.toFixed(0));
  say("  of bare", (whole / bare).toFixed(2));
  say("bytes of a record on the wire", wireBytes.toFixed(1));
  say("  the same as a JSON row", String(jsonBytes));
  process.exitCode = ingest / bare >= RATIO_MIN ? 0 : 1;
} finally {
  await rm(directory, { recursive: true });
}

/** Twelve fields, as a health record has them. */
function fieldsOf(n: number): RecordFields {
  return {
    cpuPercent: (n * 7.31) % 100,
    memoryTotalBytes: 4_045_012_992,
    memoryAvailableBytes: 2_100_000_000 + ((n * 4_096) % 1_000_000_000),
    diskFreeBytes: 11_000_000_000 - n * 4_096,
    diskTotalBytes: 31_000_000_000,
    temperatureCelsius: 45 + ((n * 0.37) % 20),
    load1: (n * 0.01) % 4,
    load5: (n * 0.003) % 4,
    uptimeSeconds: n * 30,
    agentUptimeSeconds: n * 30,
    agentRssBytes: 81_000_000 + ((n * 4_096) % 5_000_000),
    loopDelayP99Ms: (n * 0.13) % 12,
  };
}

async function ratePerSecond(work: () => Promise<void> | void): Promise<number> {
  const startedMs = performance.now();
  await work();
  return RECORDS / ((performance.now() - startedMs) / 1_000);
}

/** The same table and durability as the controller's, a prepared statement, nothing else. */
async function bareInserts(): Promise<number> {
  const path = join(directory, "bare.db");
  await (await openStore(path))[Symbol.asyncDispose]();
  const { database } = openSqlite(path, { migrations: [], durability: "full" });
  const insert = database.prepare("INSERT INTO telemetry VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
  const rows = Array.from({ length: RECORDS }, (_, seq) => JSON.stringify(fieldsOf(seq)));
  const batch = database.transaction((from: number) => {
    for (let seq = from; seq < from + 500; seq += 1)
      insert.run(device, "0".repeat(32), seq, seq, seq, "health", 0, rows[seq]);
  });
  const rate = await ratePerSecond(() => {
    for (let from = 0; from < RECORDS; from += 500) batch(from);
  });
  database.close();
  return rate;
}

async function ingestOnly(): Promise<{ rate: number; wireBytes: number }> {
  await using outbox = openOutbox(join(directory, "ready.db"), { clock, log });
  for (let n = 0; n < RECORDS; n += 1) outbox.append("health", fieldsOf(n));
  outbox.flush();
  const batches: Uint8Array[] = [];
  for (let from = 0; from < RECORDS;) {
    const range = outbox.read(outbox.stream, from, limits);
    if (range === undefined) break;
    const { payload, next } = encodeFitting({ ...range, backfill: true });
    batches.push(payload);
    from = next;
  }
  await using opened = await openStore(join(directory, "ingest.db"));
  await using ingest = openTelemetryIngest({
    store: opened.store,
    fleet,
    clock,
    log,
    publish: () => Promise.resolve(),
  });
  const rate = await ratePerSecond(async () => {
    for (const payload of batches) {
      ingest.onBatch(device, payload);
      await turn();
    }
    while (ingest.counters.records < RECORDS) await turn();
  });
  return { rate, wireBytes: batches.reduce((sum, payload) => sum + payload.byteLength, 0) / RECORDS };
}

async function wholeWay(): Promise<number> {
  const stopping = new AbortController();
  await using outbox = openOutbox(join(directory, "outbox.db"), { clock, log });
  await using opened = await openStore(join(directory, "controller.db"));
  const acks = createAckInbox({ clock, log });
  await using ingest = openTelemetryIngest({
    store: opened.store,
    fleet,
    clock,
    log,
    publish: (_topic, payload) => {
      acks.put(payload);
      return Promise.resolve();
    },
  });
  let session: string | undefined;
  const publish = (payload: Uint8Array) => {
    ingest.onBatch(device, payload);
    return Promise.resolve();
  };
  const ports = { outbox, acks, clock, log, random: Math.random, publish, session: () => session, lingerMs: 10 };
  const running = runUplink(ports, stopping.signal);
  const rate = await ratePerSecond(async () => {
    for (let n = 0; n < RECORDS; n += 1) {
      outbox.append("health", fieldsOf(n));
      if (n % 500 === 499) await turn();
    }
    session = "s1";
    while (outbox.pending > 0 || outbox.lanes().length > 1) await turn();
  });
  stopping.abort();
  await running;
  return rate;
}
