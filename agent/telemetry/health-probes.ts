import { statfs } from "node:fs/promises";
import { loadavg, uptime } from "node:os";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { currentLoad, mem } from "systeminformation";
import type { Clock } from "../../common/clock.ts";
import { messageOf } from "../../common/ferry-error.ts";
import type { Log } from "../../common/log.ts";
import { findSensors } from "../hardware/sensors.ts";
import type { Cell, RecordFields } from "../../protocol/messages/telemetry-batch.ts";

/** Takes one sample of the machine and of this process. */
export interface HealthProbes extends Disposable {
  /** Never rejects: a probe that fails or takes longer than PROBE_MS_MAX leaves its fields out. */
  readonly sample: () => Promise<RecordFields>;
}

/** These read small files and take milliseconds; a device whose bus hangs must not take the sampler with it. */
const PROBE_MS_MAX = 2_000;
/** A wake-up 20 times a second, which no board notices; delays are seen that are longer than this. */
const LOOP_DELAY_RESOLUTION_MS = 50;
const NANOSECONDS_PER_MS = 1e6;

export interface HealthProbePorts {
  readonly clock: Clock;
  readonly log: Log;
  /** The folder whose disk matters. */
  readonly directory: string;
  /** What other parts of the agent count; undefined where one cannot tell. */
  readonly figures?: () => Readonly<Record<string, number | undefined>>;
}

export async function openHealthProbes(ports: HealthProbePorts): Promise<HealthProbes> {
  const { clock, log, directory, figures = () => ({}) } = ports;
  const sensors = await findSensors(directory);
  const loopDelay = monitorEventLoopDelay({ resolution: LOOP_DELAY_RESOLUTION_MS });
  loopDelay.enable();
  // Only systeminformation's calls that read /proc: others start programs, or scan the machine for seconds.
  const probes = [
    within(clock, log, "processor", async () => ({ cpuPercent: (await currentLoad()).currentLoad })),
    within(clock, log, "memory", async () => {
      const { total, available, swapused } = await mem();
      return { memoryTotalBytes: total, memoryAvailableBytes: available, swapUsedBytes: swapused };
    }),
    within(clock, log, "sensors", sensors.read),
    within(clock, log, "disk", async () => {
      const { bavail, blocks, bsize } = await statfs(directory);
      return { diskFreeBytes: bavail * bsize, diskTotalBytes: blocks * bsize };
    }),
  ];
  return {
    sample: async () => {
      const parts = await Promise.all(probes.map((probe) => probe()));
      const delayMs = (loopDelay.percentile(99) - LOOP_DELAY_RESOLUTION_MS * NANOSECONDS_PER_MS) / NANOSECONDS_PER_MS;
      loopDelay.reset();
      const [load1, load5] = loadavg();
      return present({
        ...parts.reduce((all, part) => ({ ...all, ...part }), {}),
        load1: load1 ?? null,
        load5: load5 ?? null,
        uptimeSeconds: Math.round(uptime()),
        agentUptimeSeconds: Math.round(process.uptime()),
        agentRssBytes: process.memoryUsage.rss(),
        loopDelayP99Ms: Math.max(0, delayMs),
        ...figures(),
      });
    },
    [Symbol.dispose]: () => {
      loopDelay.disable();
    },
  };
}

/** The probe, bounded: at most one call of it at a time, and its fields only if they come in time. */
export function within(
  clock: Clock,
  log: Log,
  what: string,
  probe: () => Promise<RecordFields>,
): () => Promise<RecordFields> {
  let isRunning = false;
  return async () => {
    if (isRunning) return {};
    isRunning = true;
    const answer = probe()
      .catch((error: unknown): RecordFields => {
        log.debug({ what, error: messageOf(error) }, "a health probe failed");
        return {};
      })
      .finally(() => {
        isRunning = false;
      });
    const done = new AbortController();
    const late = clock.sleep(PROBE_MS_MAX, done.signal).then((): RecordFields => ({}));
    const fields = await Promise.race([answer, late]);
    done.abort();
    return fields;
  };
}

/** Without what is not known, and with fractions as short as they are precise. */
function present(fields: Readonly<Record<string, Cell | undefined>>): RecordFields {
  return Object.fromEntries(
    Object.entries(fields).flatMap(([name, value]) => {
      if (value === null || value === undefined || (typeof value === "number" && !Number.isFinite(value))) return [];
      return [[name, typeof value === "number" ? Math.round(value * 100) / 100 : value]];
    }),
  );
}
