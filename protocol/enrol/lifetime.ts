/** A certificate that leaked serves this long at most; a device that is off for a season still comes back by itself. */
export const CERTIFICATE_LIFETIME_MS = 90 * 24 * 3_600_000;
/** After its end, its key still proves who a device is: one that was switched off for some weeks renews by itself. */
export const RENEWAL_GRACE_MS = 30 * 24 * 3_600_000;

/** When a device asks for the next certificate: at two thirds of this one's life, so there is a month for outages. */
export function renewalDueMs(expiresMs: number): number {
  return expiresMs - CERTIFICATE_LIFETIME_MS / 3;
}
