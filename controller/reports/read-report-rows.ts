/** Everything that a fleet report is built from, read in one go. */
import type { FleetId } from "../../protocol/ids.ts";
import { readDevices } from "../fleet/read-devices.ts";
import { listRollouts, membersOf } from "../rollout/rollouts.ts";
import type { Store } from "../store/store.ts";
import { storedRecordOf } from "../telemetry/telemetry-record.ts";
import type { FleetReportRows } from "./fleet-report.ts";
import { accountsOf, telemetrySummary } from "./telemetry-accounts.ts";

/** The newest ones: what came before is history, and in `ferry rollout list`. */
const ROLLOUTS_MAX = 20;
/** The newest records of the window: bounds the memory of one report at about 50 MB. */
const INFERENCE_RECORDS_MAX = 15_000;

export interface ReportRequest {
  readonly fleet: FleetId;
  readonly nowMs: number;
  readonly windowMs: number;
  readonly rootExpiresMs: number;
}

export async function readReportRows(
  store: Store,
  { fleet, nowMs, windowMs, rootExpiresMs }: ReportRequest,
): Promise<FleetReportRows> {
  const devices = await readDevices(store);
  const rollouts = await listRollouts(store, ROLLOUTS_MAX);
  const inference = await store
    .selectFrom("telemetry")
    .selectAll()
    .where("kind", "=", "inference")
    .where("received_ms", ">=", nowMs - windowMs)
    .orderBy("received_ms", "desc")
    .limit(INFERENCE_RECORDS_MAX)
    .execute();
  return {
    fleet,
    nowMs,
    windowMs,
    rootExpiresMs,
    devices,
    rollouts: await Promise.all(
      rollouts.map(async (rollout) => ({ rollout, members: await membersOf(store, rollout.id) })),
    ),
    inference: inference.map(storedRecordOf),
    telemetry: telemetrySummary(await accountsOf(store, devices)),
  };
}
