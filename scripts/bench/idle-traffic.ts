/**
 * What an idle agent with the metered profile takes of its link in 30 days. A real controller with its broker and mutual TLS, a
 * real agent, and a proxy between them that counts bytes of TCP. The agent's hour is shortened to `--hour-seconds S` (15), and with it
 * everything that depends on it: heartbeat, keep-alive, telemetry, the question for the time every 6 hours. `--hours N` (12) are
 * counted, after the connection has settled; `--json` prints the figures alone. Exits 1 where a month is beyond MONTH_BYTES_MAX
 * with the headers of TCP and IP, or where the agent's own count for its data budget is another.
 */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { openFleet } from "../../test/support/fleet.ts";
import { runProgram } from "../../test/support/programs.ts";
import { until } from "../../test/support/until.ts";
import { openCountingProxy, type CountingProxy } from "./counting-proxy.ts";
import { endChild, forkModule } from "./transfer-brokers.ts";

const { values: options } = parseArgs({
  options: {
    "hour-seconds": { type: "string", default: "15" },
    hours: { type: "string", default: "12" },
    json: { type: "boolean", default: false },
  },
});

const MONTH_BYTES_MAX = 3e6;
const MONTH_HOURS = 720;
/** A mobile link that breaks once a day. */
const MONTH_CONNECTIONS = 30;
/** IPv4 and TCP with timestamps; each piece and, at most, an acknowledgement of its own. */
const HEADER_BYTES = 52;
/** After a connect: what is said then has been said. */
const SETTLE_MS = 5_000;

const hourMs = Number(options["hour-seconds"]) * 1_000;
const hours = Number(options.hours);
const directory = await mkdtemp(join(tmpdir(), "modelferry-idle-"));
try {
  const figures = await measure();
  process.stdout.write(options.json ? `${JSON.stringify(figures, null, 2)}\n` : text(figures));
  process.exitCode = figures.monthWithHeadersBytes <= MONTH_BYTES_MAX && figures.isOwnCountRight ? 0 : 1;
} finally {
  await rm(directory, { recursive: true, force: true });
}

async function measure() {
  await using fleet = await openFleet({ directory, devices: [] });
  await fleet.startController();
  const agent = join(directory, "cam-1");
  const { token } = (await fleet.ferryJson("device", "invite", "cam-1")) as { readonly token: string };
  const args = ["join", token, "--root-pin", fleet.rootPin, "--dir", agent, "--http-port", "0", "--metered"];
  const joined = await runProgram("ferry-agent", args);
  if (joined.code !== 0) throw new Error(joined.stderr);
  await using proxy = await openCountingProxy(Number(new URL(fleet.brokerUrl).port));
  const file = join(agent, "agent.json");
  const config = JSON.parse(await readFile(file, "utf8")) as Record<string, unknown>;
  await writeFile(file, JSON.stringify({ ...config, broker: `mqtts://127.0.0.1:${String(proxy.port)}` }));

  const child = forkModule("idle-traffic-agent.ts", [agent, String(hourMs)]);
  await until("the agent is connected", () => proxy.count().bytes > 0);
  const connect = await settled(proxy);
  await sleep(hours * hourMs);
  const { bytes, packets, connections } = proxy.count();
  await endChild(child);
  const own = JSON.parse(await readFile(join(agent, "data-use.json"), "utf8")) as Record<string, number>;
  const ownBytes = (own["sentBytes"] ?? 0) + (own["receivedBytes"] ?? 0);
  const hourBytes = (bytes - connect.bytes) / hours;
  const hourPackets = (packets - connect.packets) / hours;
  return {
    connectBytes: connect.bytes,
    hourBytes,
    hourPackets,
    connections,
    monthBytes: hourBytes * MONTH_HOURS + connect.bytes * MONTH_CONNECTIONS,
    monthWithHeadersBytes:
      (hourBytes + 2 * HEADER_BYTES * hourPackets) * MONTH_HOURS +
      (connect.bytes + 2 * HEADER_BYTES * connect.packets) * MONTH_CONNECTIONS,
    ownBytes,
    countedBytes: proxy.count().bytes,
    // Its farewell may come after the file is written.
    isOwnCountRight: Math.abs(ownBytes / proxy.count().bytes - 1) < 0.02,
  };
}

async function settled(proxy: CountingProxy) {
  for (;;) {
    const before = proxy.count();
    await sleep(SETTLE_MS);
    if (proxy.count().bytes - before.bytes < 1_000) return proxy.count();
  }
}

function text(figures: Awaited<ReturnType<typeof measure>>): string {
  const {
    connectBytes,
    hourBytes,
    hourPackets,
    connections,
    monthBytes,
    monthWithHeadersBytes,
    ownBytes,
    countedBytes,
  } = figures;
  const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(2)} MB`;
  return [
    `connecting      ${String(connectBytes)} bytes of TCP, with TLS, presence, inventory, report and the first records (${String(connections)} connection)`,
    `an idle hour    ${hourBytes.toFixed(0)} bytes in ${hourPackets.toFixed(1)} pieces: heartbeat, keep-alive, health, and a sixth of the question for the time`,
    `30 days         ${megabytes(monthBytes)}, with one new connection a day`,
    `  with headers  ${megabytes(monthWithHeadersBytes)} with those of TCP and IP and an acknowledgement of every piece; at most ${megabytes(MONTH_BYTES_MAX)}`,
    `own count       the agent counted ${String(ownBytes)} of ${String(countedBytes)} bytes for its data budget`,
    "",
  ].join("\n");
}
