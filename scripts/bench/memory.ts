import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { systemClock } from "../../common/clock.ts";
import type { ArchiveRef } from "../../protocol/trust/deployment.ts";
import { BENCH_FLEET } from "./bench-controller.ts";
import { generateArchive } from "./generated-archive.ts";
import { residentBytes, resetPeak } from "./process-memory.ts";
import { endChild, forkModule, openBroker } from "./transfer-brokers.ts";
import type { ReceiversPlan } from "./transfer-receivers.ts";

const HELP = `scripts/bench/memory [--size MB] [--receivers N] [--json]

Carries a generated archive (500 MB) through a controller and receivers, a process each, and prints what that adds to
the idle memory of either. Needs about 1 + N times the size on the disk of the temporary directory.`;

const MEBIBYTE = 1024 ** 2;
/** What a transfer of any size may add to the idle memory of either program. */
const OVER_IDLE_BYTES_MAX = 64 * MEBIBYTE;
/** For the memory of the start-up to settle. */
const SETTLE_MS = 2_000;

const { values } = parseArgs({
  options: {
    size: { type: "string", default: "500" },
    receivers: { type: "string", default: "1" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

async function main(): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), "modelferry-bench-"));
  try {
    const paths = await generateArchive(folder, Number(values.size) * MEBIBYTE);
    await using broker = await openBroker("embedded");
    const url = broker?.url ?? "";
    const controller = forkModule("memory-controller.ts", [JSON.stringify({ url, paths })]);
    const [{ archive }] = (await once(controller, "message")) as [{ archive: ArchiveRef }];
    const devices = Array.from({ length: Number(values.receivers) }, (_, at) => `device-${String(at)}`);
    const receivers = await Promise.all(
      devices.map(async (device) => {
        const plan: ReceiversPlan = { url, fleet: BENCH_FLEET, devices: [device], directory: folder, frameMs: 0 };
        const child = forkModule("transfer-receivers.ts", [JSON.stringify(plan)]);
        await once(child, "message");
        return child;
      }),
    );
    await systemClock.sleep(SETTLE_MS);
    const measured = [controller, ...receivers].map((child, at) => {
      const pid = child.pid ?? 0;
      resetPeak(pid);
      return {
        program: at === 0 ? "controller" : `receiver ${String(at)}`,
        pid,
        idleBytes: residentBytes(pid).nowBytes,
      };
    });
    const startedMs = performance.now();
    const done = receivers.map((child) => once(child, "message"));
    for (const child of receivers) child.send({ archive });
    await Promise.all(done);
    const tookMs = performance.now() - startedMs;
    const rows = measured.map(({ program, pid, idleBytes }) => {
      const { peakBytes } = residentBytes(pid);
      return { program, idleBytes, peakBytes, overIdleBytes: peakBytes - idleBytes };
    });
    await Promise.all([controller, ...receivers].map(endChild));
    const say = (text: string) => process.stdout.write(`${text}\n`);
    if (values.json) say(JSON.stringify({ megabytes: Number(values.size), tookMs, rows }, null, 2));
    else {
      say(
        `${values.size} MB in ${(tookMs / 1_000).toFixed(1)} s; at most ${toMegabytes(OVER_IDLE_BYTES_MAX)} MB over idle`,
      );
      for (const row of rows) {
        const [idle, peak, over] = [row.idleBytes, row.peakBytes, row.overIdleBytes].map(toMegabytes);
        say(`${row.program.padEnd(12)} idle ${idle ?? ""} MB, peak ${peak ?? ""} MB, over idle ${over ?? ""} MB`);
      }
    }
    return rows.every(({ overIdleBytes }) => overIdleBytes <= OVER_IDLE_BYTES_MAX) ? 0 : 1;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function toMegabytes(bytes: number): string {
  return (bytes / MEBIBYTE).toFixed(1);
}

if (values.help) process.stdout.write(`${HELP}\n`);
else process.exitCode = await main();
