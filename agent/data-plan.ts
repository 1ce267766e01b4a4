/** What a configuration means for what the link may take. */
import type { AgentConfig } from "./config.ts";
import type { Detail } from "./telemetry/detail.ts";

export interface DataPlan {
  /** The link is paid for by its bytes. */
  readonly isMetered: boolean;
  /** Of a month, both ways; undefined: no bound. */
  readonly budgetBytes: number | undefined;
  readonly keepAliveSeconds: number;
  /** How often the device says that it is well, while measurements are told as finely as this. */
  readonly heartbeatMs: (detail: Detail) => number;
}

/** The measure of a spared link: measurements go once in it. */
export const HOUR_MS = 3_600_000;
/**
 * A heartbeat takes about as much as the measurements of an hour, and says less: changes are told at once, and of a
 * connection that breaks the broker tells within half an hour.
 */
const HEARTBEAT_HOURS = 2;
/** 20 minutes: the most that brokers in the cloud allow. */
const KEEP_ALIVES_AN_HOUR = 3;

/** `hourMs`: shorter where it is measured what an idle device takes. */
export function dataPlanOf({ data = {}, heartbeatMs, keepAliveSeconds }: AgentConfig, hourMs = HOUR_MS): DataPlan {
  const sparingSeconds = Math.round(hourMs / KEEP_ALIVES_AN_HOUR / 1_000);
  const sparingMs = HEARTBEAT_HOURS * hourMs;
  const isMetered = data.metered === true;
  return {
    isMetered,
    budgetBytes: data.monthBytes,
    keepAliveSeconds: isMetered ? sparingSeconds : keepAliveSeconds,
    heartbeatMs: (detail) => (detail === "raw" || heartbeatMs > HEARTBEAT_HOURS * HOUR_MS ? heartbeatMs : sparingMs),
  };
}
