/** How many bytes and how much time a device will need for a bundle, from what earlier deliveries to it and to the fleet showed. */
import { unreachable } from "../../protocol/unreachable.ts";

/** One bundle that one device fetched and committed. */
export interface Delivery {
  /** Of the archive, without what the device already had of it. */
  readonly bytes: number;
  /** From the first chunk to the last. */
  readonly transferMs: number;
  /** From the signed deployment to the signed evidence. */
  readonly totalMs: number;
}

/** What a forecast was taken from: `held`, the device has the bundle already; `none`, nothing is known yet. */
export type ForecastBasis = "held" | "device" | "fleet" | "none";

export interface Forecast {
  /** Bytes of the archive that will travel to this device. */
  readonly bytes: number;
  /** From the signed deployment to the signed evidence; undefined where nothing like it has been seen. */
  readonly ms: number | undefined;
  readonly basis: ForecastBasis;
}

export interface ForecastRequest {
  readonly archiveBytes: number;
  /** The device says that it holds the bundle, verified. */
  readonly isHeld: boolean;
  /** Newest first. */
  readonly ofDevice: readonly Delivery[];
  readonly ofFleet: readonly Delivery[];
}

/** The newest count: a device that moved to another link is soon forecast by that one. */
export const DELIVERIES_COUNTED_MAX = 10;
/** A shorter transfer tells the round trips, not the link: one of 64 kB takes no longer than one of 1 kB. */
const RATE_BYTES_MIN = 256 * 1024;

export function forecast(request: ForecastRequest): Forecast {
  const { archiveBytes, isHeld } = request;
  const ofDevice = request.ofDevice.slice(0, DELIVERIES_COUNTED_MAX);
  const basis: ForecastBasis = isHeld ? "held" : basisOf(ofDevice, request.ofFleet, archiveBytes);
  const applyMs = medianApplyMs(ofDevice.length > 0 ? ofDevice : request.ofFleet);
  switch (basis) {
    case "held":
      return { bytes: 0, ms: applyMs, basis };
    case "device":
      return { bytes: archiveBytes, ms: sum(applyMs, transferMs(ofDevice, archiveBytes)), basis };
    case "fleet":
      return { bytes: archiveBytes, ms: sum(applyMs, transferMs(request.ofFleet, archiveBytes)), basis };
    case "none":
      return { bytes: archiveBytes, ms: undefined, basis };
    default:
      return unreachable(basis);
  }
}

function basisOf(ofDevice: readonly Delivery[], ofFleet: readonly Delivery[], archiveBytes: number): ForecastBasis {
  if (transferMs(ofDevice, archiveBytes) !== undefined) return "device";
  return transferMs(ofFleet, archiveBytes) === undefined ? "none" : "fleet";
}

/** By the rate of all that is long enough to show one; a small archive takes what the small ones took. */
function transferMs(deliveries: readonly Delivery[], archiveBytes: number): number | undefined {
  const telling = deliveries.filter(({ bytes }) => bytes >= RATE_BYTES_MIN);
  if (telling.length > 0) {
    const [bytes, ms] = [total(telling, (one) => one.bytes), total(telling, (one) => one.transferMs)];
    return (archiveBytes / bytes) * ms;
  }
  const small = deliveries.filter(({ bytes }) => bytes > 0);
  return archiveBytes >= RATE_BYTES_MIN || small.length === 0 ? undefined : median(small.map((one) => one.transferMs));
}

/** Checking, loading, the golden set and the soak: what a delivery takes beside its bytes. */
function medianApplyMs(deliveries: readonly Delivery[]): number | undefined {
  if (deliveries.length === 0) return undefined;
  return median(deliveries.map(({ totalMs, transferMs }) => Math.max(0, totalMs - transferMs)));
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}

function total(deliveries: readonly Delivery[], of: (delivery: Delivery) => number): number {
  return deliveries.reduce((sum, delivery) => sum + of(delivery), 0);
}

function sum(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? undefined : one + other;
}
