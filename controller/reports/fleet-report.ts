/** The fleet's health, from rows: what is there, what runs, what the evidence says, and what to do next. */
import type { FleetId, ModelVersion, StatementDigest } from "../../protocol/ids.ts";
import type { DeviceView } from "../fleet/device-view.ts";
import type { RolloutDeviceRow, RolloutRow } from "../store/tables.ts";
import type { VersionInference } from "../telemetry/fleet-inference.ts";
import { findingsIn } from "./findings.ts";
import { inferenceTotals } from "./inference-totals.ts";
import { DEVICES_NAMED_MAX, type FleetReport, type TelemetrySummary } from "./report-shape.ts";

export interface FleetReportRows {
  readonly fleet: FleetId;
  readonly nowMs: number;
  readonly windowMs: number;
  /** Of the newest root. */
  readonly rootExpiresMs: number;
  readonly devices: readonly DeviceView[];
  /** The newest first. */
  readonly rollouts: readonly ReportedRollout[];
  /** Of the window. */
  readonly inference: readonly VersionInference[];
  readonly telemetry: TelemetrySummary;
}

/** A rollout with what a report tells of its members. */
export interface ReportedRollout {
  readonly rollout: RolloutRow;
  /** Of all its members. */
  readonly counts: { readonly devices: number; readonly proven: number; readonly failed: number };
  /** Those that are not done, DEVICES_NAMED_MAX at most. */
  readonly open: readonly Pick<RolloutDeviceRow, "device" | "state" | "why">[];
}

export function buildFleetReport(rows: FleetReportRows): FleetReport {
  const report = {
    fleet: rows.fleet,
    atMs: rows.nowMs,
    windowMs: rows.windowMs,
    availability: availabilityOf(rows.devices),
    models: spreadOf(rows.devices),
    rollouts: rows.rollouts.map(rolloutSummary),
    inference: inferenceTotals(rows.inference),
    telemetry: rows.telemetry,
  };
  return { ...report, findings: findingsIn(report, rows) };
}

function availabilityOf(devices: readonly DeviceView[]): FleetReport["availability"] {
  const offline = devices.filter((device) => !device.online);
  const online = devices.length - offline.length;
  return {
    devices: devices.length,
    online,
    share: devices.length === 0 ? 1 : online / devices.length,
    offline: offline.slice(0, DEVICES_NAMED_MAX).map(({ id, onlineSinceMs }) => ({
      device: id,
      text: `offline since ${new Date(onlineSinceMs).toISOString()}`,
    })),
  };
}

/** Of each model that any device serves or is to serve. */
export function spreadOf(devices: readonly DeviceView[]): FleetReport["models"] {
  const names = new Set(
    devices.flatMap(({ deployment, report }) => [
      ...(deployment?.slots ?? []).map(({ slot }) => slot),
      ...(report?.slots ?? []).filter(({ active }) => active !== undefined).map(({ slot }) => slot),
    ]),
  );
  return [...names].sort().map((model) => {
    const versions = new Map<StatementDigest, { version: ModelVersion; statement: StatementDigest; devices: number }>();
    let missing = 0;
    for (const { deployment, report } of devices) {
      const active = report?.slots.find(({ slot }) => slot === model)?.active;
      if (active !== undefined) {
        const { version, statement } = active;
        versions.set(statement, { version, statement, devices: (versions.get(statement)?.devices ?? 0) + 1 });
      } else if (deployment?.slots.some(({ slot }) => slot === model) === true) missing += 1;
    }
    return { model, versions: [...versions.values()].sort((a, b) => b.devices - a.devices), missing };
  });
}

export function rolloutSummary({ rollout, counts, open }: ReportedRollout): FleetReport["rollouts"][number] {
  return {
    id: rollout.id,
    model: rollout.name,
    version: rollout.version,
    state: rollout.state,
    createdMs: rollout.created_ms,
    ...counts,
    open: open.map(({ device, state, why }) => ({ device, text: why ?? state })),
  };
}
