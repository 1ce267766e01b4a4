import { cpus, tmpdir } from "node:os";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { bareBroadcast } from "./bare-broadcast.ts";
import { generateArchive } from "./generated-archive.ts";
import { residentBytes, resetPeak } from "./process-memory.ts";
import { runTransfer, type TransferResult } from "./transfer-run.ts";
import { BROKER_NAMES, openBroker } from "./transfer-brokers.ts";

const HELP = `scripts/bench/transfer [--size MB] [--receivers 1,20,100] [--brokers embedded,mosquitto] [--slow N] [--frozen N] [--json]

Carries one generated archive from a controller to receivers that write and check it, all on this machine.
--slow N    N more receivers that spend 15 ms over each frame
--frozen N  N more receivers whose process is stopped for 8 s in mid-transfer`;

const MEBIBYTE = 1024 ** 2;
/** The controller may send this much per byte of the bundle. */
const BYTES_PER_BYTE_MAX = 1.3;

const { values } = parseArgs({
  options: {
    size: { type: "string", default: "32" },
    receivers: { type: "string", default: "1,20,100" },
    brokers: { type: "string", default: BROKER_NAMES.join(",") },
    slow: { type: "string", default: "0" },
    frozen: { type: "string", default: "0" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

interface Row extends TransferResult {
  readonly broker: string;
  readonly receivers: number;
  readonly bareBytesPerSecond: number;
  readonly bareLostShare: number;
  readonly brokerIdleBytes: number;
  readonly brokerPeakBytes: number;
}

async function main(): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), "modelferry-bench-"));
  try {
    const lengthBytes = Number(values.size) * MEBIBYTE;
    const archive = await generateArchive(folder, lengthBytes);
    const rows: Row[] = [];
    if (!values.json)
      say(
        `${String(cpus().length)} × ${cpus()[0]?.model ?? "?"}, ${values.size} MB, receivers write, sync and check\n${TITLES}`,
      );
    for (const name of BROKER_NAMES.filter((known) => values.brokers.split(",").includes(known))) {
      for (const receivers of values.receivers.split(",").map(Number)) {
        await using broker = await openBroker(name);
        if (broker === undefined) {
          process.stderr.write(`${name} is not installed: left out (apt-get install ${name})\n`);
          break;
        }
        const brokerIdleBytes = residentBytes(broker.pid).nowBytes;
        resetPeak(broker.pid);
        const plan = { url: broker.url, archive, directory: join(folder, "devices"), receivers };
        const result = await runTransfer({ ...plan, slow: Number(values.slow), frozen: Number(values.frozen) });
        const brokerPeakBytes = residentBytes(broker.pid).peakBytes;
        const bare = await bareBroadcast(broker.url, receivers, lengthBytes);
        const row = {
          broker: name,
          receivers,
          ...result,
          bareBytesPerSecond: bare.bytesPerSecond,
          bareLostShare: bare.lostShare,
          brokerIdleBytes,
          brokerPeakBytes,
        };
        rows.push(row);
        if (!values.json) say(line(row));
      }
    }
    if (values.json) say(JSON.stringify(rows, null, 2));
    // Slow and frozen receivers are served one by one, each with as many bytes again.
    if (values.slow !== "0" || values.frozen !== "0") return 0;
    return rows.every(({ bytesPerByte }) => bytesPerByte <= BYTES_PER_BYTE_MAX) ? 0 : 1;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

const COLUMNS = [
  ["broker", 10],
  ["receivers", 10],
  ["bytes/byte", 11],
  ["seconds", 8],
  ["MB/s each", 10],
  ["bare MB/s", 10],
  ["ratio", 6],
  ["bare lost", 10],
  ["broker MB", 10],
  ["over idle", 10],
  ["slow s", 8],
  ["frozen s", 9],
] as const;
const TITLES = COLUMNS.map(([title, width]) => title.padStart(width)).join(" ");

function line(row: Row): string {
  const megabytes = (bytes: number) => (bytes / MEBIBYTE).toFixed(1);
  const seconds = (ms: readonly number[]) => (ms.length === 0 ? "-" : (Math.max(...ms) / 1_000).toFixed(1));
  const cells = [
    row.broker,
    String(row.receivers),
    row.bytesPerByte.toFixed(3),
    (row.healthyMs / 1_000).toFixed(2),
    megabytes(row.bytesPerSecond),
    megabytes(row.bareBytesPerSecond),
    (row.bytesPerSecond / row.bareBytesPerSecond).toFixed(2),
    `${(row.bareLostShare * 100).toFixed(1)} %`,
    megabytes(row.brokerPeakBytes),
    megabytes(row.brokerPeakBytes - row.brokerIdleBytes),
    seconds(row.slowMs),
    seconds(row.frozenMs),
  ];
  return cells.map((cell, at) => cell.padStart(COLUMNS[at]?.[1] ?? 0)).join(" ");
}

if (values.help) process.stdout.write(`${HELP}\n`);
else process.exitCode = await main();
