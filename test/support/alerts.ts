import type { Alert } from "../../controller/alerts/decide.ts";
import { fingerprint } from "../../controller/alerts/fingerprint.ts";
import { NOW_MS } from "./device-views.ts";

/** A device that has been away for half an hour. */
export function alertFiring(device: string): Alert {
  return {
    fingerprint: fingerprint(["device-offline", device]),
    rule: "device-offline",
    metric: "device_offline_seconds",
    severity: "warning",
    labels: { device, "example.com/site": "oslo" },
    phase: "firing",
    sinceMs: NOW_MS - 900_000,
    firedMs: NOW_MS - 900_000,
    clearMs: null,
    resolvedMs: null,
    value: 1_800,
    threshold: 900,
    next: null,
    firings: [NOW_MS - 900_000],
    ackedBy: null,
  };
}
