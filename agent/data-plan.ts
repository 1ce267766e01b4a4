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

/** Hourly: with all that goes with it about 1 MB a month. The broker tells of a connection that breaks within half an hour. */
const SPARING_HEARTBEAT_MS = 3_600_000;
/** The most that brokers in the cloud allow. */
const SPARING_KEEP_ALIVE_SECONDS = 1_200;

export function dataPlanOf({ data = {}, heartbeatMs, keepAliveSeconds }: AgentConfig): DataPlan {
  const isMetered = data.metered === true;
  return {
    isMetered,
    budgetBytes: data.monthBytes,
    keepAliveSeconds: isMetered ? Math.max(keepAliveSeconds, SPARING_KEEP_ALIVE_SECONDS) : keepAliveSeconds,
    heartbeatMs: (detail) => (detail === "raw" ? heartbeatMs : Math.max(heartbeatMs, SPARING_HEARTBEAT_MS)),
  };
}
