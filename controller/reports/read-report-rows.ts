/** Everything that a fleet report is built from: counts where there are many rows, and rows only of what it names. */
import { sql } from "kysely";
import type { FleetId } from "../../protocol/ids.ts";
import { readDevices } from "../fleet/read-devices.ts";
import { listRollouts } from "../rollout/rollouts.ts";
import type { RolloutDeviceState } from "../store/rollout-state.ts";
import type { Store } from "../store/store.ts";
import type { RolloutRow } from "../store/tables.ts";
import { readFleetInference } from "../telemetry/fleet-inference.ts";
import type { FleetReportRows, ReportedRollout } from "./fleet-report.ts";
import { DEVICES_NAMED_MAX } from "./report-shape.ts";
import { accountsOf, telemetrySummary } from "./telemetry-accounts.ts";

/** The newest ones: what came before is history, and in `ferry rollout list`. */
const ROLLOUTS_MAX = 20;

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
  return {
    fleet,
    nowMs,
    windowMs,
    rootExpiresMs,
    devices,
    rollouts: await Promise.all(rollouts.map((rollout) => readReportedRollout(store, rollout))),
    inference: await readFleetInference(store, { fromMs: nowMs - windowMs, toMs: nowMs + 1 }),
    telemetry: telemetrySummary(await accountsOf(store, devices)),
  };
}

export async function readReportedRollout(store: Store, rollout: RolloutRow): Promise<ReportedRollout> {
  const ofRollout = store.selectFrom("rollout_devices").where("rollout", "=", rollout.id);
  const states = await ofRollout
    .select(({ fn }) => ["state", fn.countAll<number>().as("members")])
    .groupBy("state")
    .execute();
  const count = (state: RolloutDeviceState) => states.find((row) => row.state === state)?.members ?? 0;
  const openStates = states.map(({ state }) => state).filter((state) => state !== "done" && state !== "superseded");
  const open = await ofRollout
    .select(["device", "state", "why"])
    .where("state", "in", openStates)
    .orderBy(sql`state <> 'failed'`)
    .orderBy("device")
    .limit(DEVICES_NAMED_MAX)
    .execute();
  const devices = states.reduce((sum, { members }) => sum + members, 0);
  return { rollout, counts: { devices, proven: count("done"), failed: count("failed") }, open };
}
