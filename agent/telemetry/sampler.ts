import { once } from "node:events";
import { schedule as scheduleTask, validate } from "node-cron";
import { FerryError } from "../../common/ferry-error.ts";
import type { RecordSink } from "./event.ts";
import { openHealthProbes, type HealthProbePorts } from "./health-probes.ts";

export interface SamplerPorts extends HealthProbePorts {
  readonly outbox: RecordSink;
  /** In cron's words, with seconds first. */
  readonly schedule?: string;
}

/** Every 30 s: a day of it is 2,880 records, about 150 kB on the wire. */
const SCHEDULE = "*/30 * * * * *";

/** One `health` record at once, then on schedule, until aborted. Throws FerryError for a schedule that is none. */
export async function runSampler(ports: SamplerPorts, signal: AbortSignal): Promise<void> {
  const { outbox, schedule = SCHEDULE } = ports;
  if (!validate(schedule)) {
    throw new FerryError("bad-config", `"${schedule}" is not a schedule`, {
      hint: `Write it as cron does, seconds first: "${SCHEDULE}" is every 30 seconds.`,
    });
  }
  if (signal.aborted) return;
  using probes = await openHealthProbes(ports);
  const sample = async () => {
    outbox.append("health", await probes.sample());
  };
  const task = scheduleTask(schedule, sample, { noOverlap: true, suppressMissedWarning: true, logger: QUIET });
  const aborted = once(signal, "abort");
  await sample();
  await aborted;
  await task.destroy();
}

/** A sample that a busy machine missed is not worth a line on standard output. */
const QUIET = { info: () => undefined, warn: () => undefined, error: () => undefined, debug: () => undefined };
