/** See HELP. */
import { mkdtemp, rm } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { CHUNK_BYTES } from "../../protocol/limits.ts";
import { archiveInMemory } from "../../test/support/archive-in-memory.ts";
import { openMqttController, openMqttReceiver } from "../../test/support/mqtt-transfer.ts";
import { openSlowLink } from "../../test/support/slow-link.ts";
import { BROKER_NAMES, openBroker, type BenchBroker } from "./transfer-brokers.ts";

/** At the slowest link the first pieces are asked for twice, before one has shown how long it takes. */
const DOWN_RATIO_MAX = 1.5;

const HELP = `scripts/bench/narrow-link [--brokers embedded,mosquitto] [--json]

Brings one archive to one device over TCP links that let so many bytes a second through, after a delay, and prints for each
the time against what the link alone needs for the archive, and for each byte of it what came down to the device and what the
controller sent. Takes five minutes a broker. Exits 1 where more than ${String(DOWN_RATIO_MAX)} bytes came down for each.`;

interface Link {
  readonly bytesPerSecond: number;
  readonly delayMs: number;
  readonly pieces: number;
}

const LINKS: readonly Link[] = [
  { bytesPerSecond: 1_000_000, delayMs: 300, pieces: 200 },
  { bytesPerSecond: 300_000, delayMs: 1_000, pieces: 100 },
  { bytesPerSecond: 150_000, delayMs: 0, pieces: 100 },
  { bytesPerSecond: 40_000, delayMs: 50, pieces: 30 },
  { bytesPerSecond: 10_000, delayMs: 100, pieces: 8 },
];

interface Figures extends Link {
  readonly broker: string;
  readonly seconds: number;
  readonly linkSeconds: number;
  readonly downRatio: number;
  readonly sentRatio: number;
}

const { values: options } = parseArgs({
  options: {
    brokers: { type: "string", default: BROKER_NAMES.join(",") },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

async function main(): Promise<number> {
  const unknown = options.brokers.split(",").find((one) => !BROKER_NAMES.some((name) => name === one));
  if (unknown !== undefined) {
    process.stderr.write(`There is no broker ${unknown} here: ${BROKER_NAMES.join(", ")}\n\n${HELP}\n`);
    return 2;
  }
  const directory = await mkdtemp(join(tmpdir(), "modelferry-bench-"));
  try {
    const figures: Figures[] = [];
    for (const name of BROKER_NAMES.filter((one) => options.brokers.split(",").includes(one))) {
      await using broker = await openBroker(name);
      if (broker === undefined) process.stderr.write(`${name} is not installed: left out\n`);
      else for (const link of LINKS) figures.push(await measure(broker, link, join(directory, String(figures.length))));
    }
    process.stdout.write(options.json ? `${JSON.stringify(figures, null, 2)}\n` : table(figures));
    return figures.every(({ downRatio }) => downRatio <= DOWN_RATIO_MAX) ? 0 : 1;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function measure(broker: BenchBroker, link: Link, directory: string): Promise<Figures> {
  const archive = archiveInMemory(link.pieces * CHUNK_BYTES);
  const bytes = archive.bytes.length;
  await using controller = await openMqttController(broker.url, () => archive.source());
  await using way = await openSlowLink(broker.url, link);
  await using device = await openMqttReceiver(way.url, "far-away", directory);
  const startedMs = performance.now();
  await device.receiver.fetch(archive.archive, { signal: new AbortController().signal });
  return {
    ...link,
    broker: broker.name,
    seconds: (performance.now() - startedMs) / 1_000,
    linkSeconds: bytes / link.bytesPerSecond,
    downRatio: way.downBytes() / bytes,
    sentRatio: controller.service.sentBytes() / bytes,
  };
}

function table(figures: readonly Figures[]): string {
  const rows = figures.map(({ broker, bytesPerSecond, delayMs, seconds, linkSeconds, downRatio, sentRatio }) =>
    [
      broker.padEnd(9),
      String(bytesPerSecond / 1_000).padStart(6),
      String(delayMs).padStart(9),
      seconds.toFixed(1).padStart(8),
      (seconds / linkSeconds).toFixed(2).padStart(13),
      downRatio.toFixed(2).padStart(6),
      sentRatio.toFixed(2).padStart(6),
    ].join(" "),
  );
  const head = `broker      kB/s  delay ms  seconds  to the link's   down   sent`;
  return `${cpus()[0]?.model ?? "unknown"}, Node.js ${process.version}\n${[head, ...rows].join("\n")}\n`;
}

if (options.help) process.stdout.write(`${HELP}\n`);
else process.exitCode = await main();
