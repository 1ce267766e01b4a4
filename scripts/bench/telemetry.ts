/**
 * Measures in one run: what SQLite itself does with bare batched inserts of the same records; what the controller's
 * ingest does with batches that are ready; the whole way, from `append` on the device to the last acknowledgement; the
 * bytes of a record on the wire against JSON rows, and on the controller's disk as it ages; then fleets through a broker.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { parseArgs } from "node:util";
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
import { mosquittoPath } from "../../test/support/mosquitto.ts";
import { measureDisk } from "./telemetry-disk.ts";
import { measureFleet } from "./telemetry-fleet.ts";
import { healthFields, inferenceFields } from "./telemetry-records.ts";

const HELP = `scripts/bench/telemetry [--short] [--devices 1000,10000] [--seconds 120]

Records per second against bare SQLite, bytes on the wire and on the disk, and fleets of devices that send a batch a
minute through Mosquitto into a controller. --short: 1,000 devices for 15 s, fewer records. --devices 0: no fleets.`;

const { values } = parseArgs({
  options: {
    short: { type: "boolean", default: false },
    devices: { type: "string" },
    seconds: { type: "string" },
    help: { type: "boolean", default: false },
  },
});

/** Of one round; a few seconds in all on two cores. */
const RECORDS = values.short ? 10_000 : 30_000;
/** Each way in turn, and the middle of each: the first round compiles, and the machine may do other work in one of them. */
const ROUNDS = 3;
const FLEETS = (values.devices ?? (values.short ? "1000" : "1000,10000"))
  .split(",")
  .map(Number)
  .filter((devices) => devices > 0);
const RUN_MS = 1_000 * Number(values.seconds ?? (values.short ? 15 : 120));
/** The whole way has to reach this share of what bare inserts do. */
const RATIO_MIN = 0.3;

const clock = systemClock;
const log = openLog("bench", "warn");
const fleet = "bench" as FleetId;
const device = "d1" as DeviceId;
const limits = { recordsMax: 500, bytesMax: 144_000 };

type Kind = "health" | "inference";
const FIELDS = { health: healthFields, inference: inferenceFields } as const;
/** As outboxes hold them: each kind is measured alone, so that the dearer one is not hidden behind the other. */
const KINDS: readonly Kind[] = ["health", "inference"];

const say = (what: string, value: string) => process.stdout.write(`${what.padEnd(58)} ${value.padStart(12)}\n`);

async function main(directory: string): Promise<number> {
  let isGood = true;
  for (const kind of KINDS) {
    const records = Array.from({ length: RECORDS }, (_, n) => FIELDS[kind](n));
    const rounds: Round[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      rounds.push(await oneRound(join(directory, `${kind}-${round}`), kind, records));
    }
    const [bare, ingest, whole] = [median(rounds, "bare"), median(rounds, "ingest"), median(rounds, "whole")];
    const wireBytes = median(rounds, "wireBytes");
    const row = { seq: 1_000, atMs: 1_800_000_000_000, kind, ...FIELDS[kind](1_000) };
    say(`${kind}: bare SQLite, 500 rows a transaction, records/s`, bare.toFixed(0));
    say("  controller's ingest, records/s", ingest.toFixed(0));
    say("    of bare", (ingest / bare).toFixed(2));
    say("  device's outbox to database and back, records/s", whole.toFixed(0));
    say(`    of bare (at least ${RATIO_MIN})`, (whole / bare).toFixed(2));
    say("  bytes of a record on the wire", wireBytes.toFixed(1));
    say("    the same as a JSON row", String(Buffer.byteLength(JSON.stringify(row))));
    isGood &&= whole / bare >= RATIO_MIN;
  }
  const { rawBytes, minuteBytes, hourBytes } = await measureDisk(directory);
  const kilobytes = (bytes: number) => `${(bytes / 1_000).toFixed(0)} kB`;
  say("disk of one device with one busy model, a day of it: raw", kilobytes(rawBytes));
  say("  by the minute", kilobytes(minuteBytes));
  say("  by the hour", kilobytes(hourBytes));
  if (mosquittoPath === undefined) say("fleets", "no mosquitto");
  else for (const devices of FLEETS) isGood = (await tellFleet(directory, devices)) && isGood;
  return isGood ? 0 : 1;
}

/** False where not every device joined, or a batch was not stored: its figures are of another fleet then. */
async function tellFleet(directory: string, devices: number): Promise<boolean> {
  const figures = await measureFleet(directory, devices, RUN_MS);
  const { joined, joinMs, sent, again, records, acknowledged } = figures;
  const { cpuShare, brokerCpuShare, peakBytes, lagP50Ms, lagP99Ms, reportMs } = figures;
  say(`${devices} devices that come at once: known`, String(joined));
  say("  after", `${(joinMs / 1_000).toFixed(1)} s`);
  say(`a batch of 8 records a minute of each: batches in ${RUN_MS / 1_000} s`, String(sent));
  say("  acknowledged (all of them)", String(acknowledged));
  say("  said again, those of the beginning included", String(again));
  say("  records/s", (records / (RUN_MS / 1_000)).toFixed(0));
  say("  controller's processor time, of one core", `${(100 * cpuShare).toFixed(1)} %`);
  say("  broker's", `${(100 * brokerCpuShare).toFixed(1)} %`);
  say("  controller's memory at its peak", `${(peakBytes / 1024 ** 2).toFixed(0)} MB`);
  say("  from publishing to the acknowledgement, p50", `${lagP50Ms.toFixed(0)} ms`);
  say("    p99", `${lagP99Ms.toFixed(0)} ms`);
  say("  ferry report fleet", `${reportMs.toFixed(0)} ms`);
  return joined === devices && acknowledged === sent;
}

interface Round {
  readonly bare: number;
  readonly ingest: number;
  readonly whole: number;
  readonly wireBytes: number;
}

async function oneRound(path: string, kind: Kind, records: readonly RecordFields[]): Promise<Round> {
  const bare = await bareInserts(path, kind, records);
  const { rate: ingest, wireBytes } = await ingestOnly(path, kind, records);
  return { bare, ingest, whole: await wholeWay(path, kind, records), wireBytes };
}

function median(rounds: readonly Round[], of: keyof Round): number {
  const sorted = rounds.map((round) => round[of]).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}

async function ratePerSecond(work: () => Promise<void> | void): Promise<number> {
  const startedMs = performance.now();
  await work();
  return RECORDS / ((performance.now() - startedMs) / 1_000);
}

/** The same table, indexes and durability as the controller's, a prepared statement, nothing else. */
async function bareInserts(directory: string, kind: Kind, records: readonly RecordFields[]): Promise<number> {
  const path = join(directory, "bare.db");
  await (await openStore(path))[Symbol.asyncDispose]();
  const { database } = openSqlite(path, { migrations: [], durability: "full" });
  const insert = database.prepare("INSERT INTO telemetry VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
  const rows = records.map((fields) => JSON.stringify(fields));
  const batch = database.transaction((from: number) => {
    for (let seq = from; seq < from + 500; seq += 1) {
      insert.run(device, "0".repeat(32), seq, seq, seq, kind, 0, rows[seq]);
    }
  });
  const rate = await ratePerSecond(() => {
    for (let from = 0; from < RECORDS; from += 500) batch(from);
  });
  database.close();
  return rate;
}

async function ingestOnly(
  directory: string,
  kind: Kind,
  records: readonly RecordFields[],
): Promise<{ rate: number; wireBytes: number }> {
  await using outbox = openOutbox(join(directory, "ready.db"), { clock, log });
  for (const [n, fields] of records.entries()) {
    outbox.append(kind, fields);
    if (n % 500 === 499) outbox.flush();
  }
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
      // What a broker would hold back: the ingest refuses more than 8 MiB at once.
      while (ingest.counters.waitingBytes > 4 * 1024 ** 2) await turn();
      ingest.onBatch(device, payload);
      await turn();
    }
    while (ingest.counters.records < RECORDS) await turn();
  });
  return { rate, wireBytes: batches.reduce((sum, payload) => sum + payload.byteLength, 0) / RECORDS };
}

async function wholeWay(directory: string, kind: Kind, records: readonly RecordFields[]): Promise<number> {
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
    for (const [n, fields] of records.entries()) {
      outbox.append(kind, fields);
      if (n % 500 === 499) await turn();
    }
    session = "s1";
    while (outbox.pending > 0 || outbox.lanes().length > 1) await turn();
  });
  stopping.abort();
  await running;
  return rate;
}

if (values.help) process.stdout.write(`${HELP}\n`);
else {
  const directory = await mkdtemp(join(tmpdir(), "ferry-bench-"));
  try {
    process.exitCode = await main(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}
