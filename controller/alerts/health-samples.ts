/** What rules can be about of one health record, or of a sum of some. Pure. */
import type { RecordFields } from "../../protocol/messages/telemetry-batch.ts";
import type { AlertMetric } from "./alert-metrics.ts";

export interface HealthSample {
  readonly metric: AlertMetric;
  readonly value: number;
}

/** What the device cannot tell is absent: no rule holds or ends because of it. */
export function healthSamplesOf(fields: RecordFields): HealthSample[] {
  const { temperatureCelsius, diskFreeBytes, diskTotalBytes, isThrottled, dataUsedBytes, dataBudgetBytes } = fields;
  return [
    ...(isNumber(temperatureCelsius) ? [sample("temperature_celsius", temperatureCelsius)] : []),
    ...ratio("disk_free_ratio", diskFreeBytes, diskTotalBytes),
    ...ratio("data_budget_used_ratio", dataUsedBytes, dataBudgetBytes),
    // Of a sum it is the share of its records.
    ...(typeof isThrottled === "boolean" || isNumber(isThrottled)
      ? [sample("throttled_ratio", Number(isThrottled))]
      : []),
  ];
}

function ratio(metric: AlertMetric, part: unknown, whole: unknown): HealthSample[] {
  return isNumber(part) && isNumber(whole) && whole > 0 ? [sample(metric, part / whole)] : [];
}

function sample(metric: AlertMetric, value: number): HealthSample {
  return { metric, value };
}

function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}
