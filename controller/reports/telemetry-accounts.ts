/** What became of the telemetry of many devices. */
import type { DeviceId } from "../../protocol/ids.ts";
import type { DeviceView } from "../fleet/device-view.ts";
import type { Store } from "../store/store.ts";
import { accountDevice, type StreamAccount } from "../telemetry/accounting.ts";
import type { TelemetrySummary } from "./report-shape.ts";

export interface DeviceAccount extends StreamAccount {
  readonly device: DeviceId;
}

/** One account a stream, each held against what the device's own signed report says. */
export async function accountsOf(store: Store, devices: readonly DeviceView[]): Promise<DeviceAccount[]> {
  const accounts: DeviceAccount[] = [];
  for (const { id, report } of devices) {
    const streams = await accountDevice(store, id, report?.telemetry);
    accounts.push(...streams.map((stream) => ({ ...stream, device: id })));
  }
  return accounts;
}

export function telemetrySummary(accounts: readonly StreamAccount[]): TelemetrySummary {
  const sum = (of: (account: StreamAccount) => number) => accounts.reduce((total, account) => total + of(account), 0);
  return {
    streams: accounts.length,
    produced: sum(({ produced }) => produced),
    received: sum(({ received }) => received),
    declared: sum(({ declared }) => declared),
    outstanding: sum(({ outstanding }) => outstanding),
    missing: sum(({ missing }) => missing),
    lossUnknown: accounts.filter(({ isLossUnknown }) => isLossUnknown).length,
  };
}
