/** What became of the telemetry of many devices. */
import type { DeviceId } from "../../protocol/ids.ts";
import type { DeviceView } from "../fleet/device-view.ts";
import type { Store } from "../store/store.ts";
import { accountStreams, type ReportedStream, type StreamAccount } from "../telemetry/accounting.ts";
import type { TelemetrySummary } from "./report-shape.ts";

/** One account a stream, each held against what the device's own signed report says. */
export async function accountsOf(store: Store, devices: readonly DeviceView[]): Promise<readonly StreamAccount[]> {
  const reported = new Map<DeviceId, ReportedStream>();
  for (const { id, report } of devices) if (report?.telemetry !== undefined) reported.set(id, report.telemetry);
  const ids = devices.map(({ id }) => id);
  return accountStreams(store, reported, ids);
}

export function telemetrySummary(accounts: readonly StreamAccount[]): TelemetrySummary {
  const sum = (of: (account: StreamAccount) => number) => accounts.reduce((total, account) => total + of(account), 0);
  return {
    streams: accounts.length,
    produced: sum(({ produced }) => produced),
    received: sum(({ received }) => received),
    declared: sum(({ declared }) => declared),
    rolledUp: sum(({ rolledUp }) => rolledUp),
    outstanding: sum(({ outstanding }) => outstanding),
    missing: sum(({ missing }) => missing),
    lossUnknown: accounts.filter(({ isLossUnknown }) => isLossUnknown).length,
  };
}
