/** Who is let into the fleet, for how long, and who is put out of it: kept in the database, and beside the CA. */
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import type { RenewRequest } from "../../protocol/enrol/enrol-messages.ts";
import type { DeviceId } from "../../protocol/ids.ts";
import { recordEvent } from "../fleet/events.ts";
import { NOTHING_ELSE, type InTransaction } from "../store/store.ts";
import { createDeviceCertificates, type DeviceCertificates } from "./device-certificates.ts";
import { EnrolRefused } from "./enrol-refused.ts";
import type { Enrolled, EnrolmentPorts } from "./enrolment-ports.ts";
import { createJoinTokens, type JoinTokens } from "./join-tokens.ts";
import { createPendingDevices, type PendingDevices } from "./pending-devices.ts";
import { judgeRenewal } from "./policy.ts";
import { provenP256 } from "./proven-key.ts";
import { RESERVED, requireDeviceName } from "./reserved-names.ts";

/** For how long `ferry device renew` lets a device come back. */
export const RENEWAL_PERMIT_MS = 7 * 24 * 3_600_000;

/** What is stored `also` is stored in the same transaction, or nothing is. */
export interface Enrolments extends JoinTokens, PendingDevices {
  /** Throws EnrolRefused. */
  readonly renew: (request: RenewRequest) => Promise<Enrolled>;
  /**
   * How many certificates it took away that are known; those that a lost database has forgotten serve no more either.
   * `evenUnknown`: also for a name of which nothing is known. Throws `not-found`.
   */
  readonly revoke: (
    device: DeviceId,
    options: { readonly evenUnknown: boolean },
    also?: InTransaction,
  ) => Promise<number>;
  /** Lets a device renew a certificate that ended too long ago; resolves to until when. Throws `not-found`. */
  readonly allowRenewal: (device: DeviceId, also?: InTransaction) => Promise<number>;
}

export function createEnrolments(ports: EnrolmentPorts): Enrolments {
  const { store, authority, clock } = ports;
  const certificates = createDeviceCertificates(ports);
  return {
    ...createJoinTokens(ports, certificates),
    ...createPendingDevices(ports, certificates),

    renew: async ({ certificate: shown, csr }) => {
      const nowMs = clock.nowMs();
      const read = authority.read(shown);
      // The controller gives itself a new one at each start.
      const certificate = read?.name === RESERVED ? undefined : read;
      const key = await provenP256(csr);
      // The authority gives such names only; another CA's certificate was not read.
      const device = (certificate?.name ?? "") as DeviceId;
      const permit = await store
        .selectFrom("renewal_permits")
        .select("until_ms")
        .where("device", "=", device)
        .executeTakeFirst();
      const verdict = judgeRenewal({
        certificate:
          certificate === undefined
            ? undefined
            : { expiresMs: certificate.expiresMs, isRevoked: authority.isRevoked(certificate) },
        isSameKey: key !== undefined && certificate !== undefined && key.key.equals(certificate.key),
        allowedUntilMs: permit?.until_ms ?? null,
        nowMs,
      });
      if (verdict.kind === "refused") throw new EnrolRefused(verdict.code, verdict.why);
      if (key === undefined) throw new Error("granted without a key");
      const issued = await certificates.issue(device, key);
      await store.transaction().execute(async (trx) => {
        await trx.deleteFrom("renewal_permits").where("device", "=", device).execute();
        await trx.deleteFrom("certificates").where("device", "=", device).where("expires_ms", "<", nowMs).execute();
        await certificates.record(trx, device, issued);
        await recordEvent(trx, { kind: "device-renewed", device, text: `${device} renewed its certificate` }, nowMs);
      });
      return { device, certificate: issued.pem };
    },

    revoke: async (device, { evenUnknown }, also = NOTHING_ELSE) => {
      if (device === RESERVED) requireDeviceName(device, new Set());
      if (!evenUnknown && !(await hasSomething(ports, certificates, device))) throw noCertificate(device);
      const nowMs = clock.nowMs();
      // The certificates first: whatever fails after that, the device is out.
      const count = await certificates.takeAway(device);
      await store.transaction().execute(async (trx) => {
        // Used ones too: each serves the key that used it until its end.
        await trx.deleteFrom("join_tokens").where("device", "=", device).execute();
        await trx.deleteFrom("renewal_permits").where("device", "=", device).execute();
        await trx.deleteFrom("pending_devices").where("device", "=", device).execute();
        await recordEvent(trx, { kind: "device-revoked", device, text: `${device} may not connect any more` }, nowMs);
        await also(trx);
      });
      return count;
    },

    allowRenewal: async (device, also = NOTHING_ELSE) => {
      if ((await certificates.usable(device)).length === 0) throw noCertificate(device);
      const untilMs = clock.nowMs() + RENEWAL_PERMIT_MS;
      await store.transaction().execute(async (trx) => {
        await trx
          .insertInto("renewal_permits")
          .values({ device, until_ms: untilMs })
          .onConflict((conflict) => conflict.column("device").doUpdateSet({ until_ms: untilMs }))
          .execute();
        await also(trx);
      });
      return untilMs;
    },
  };
}

/** Whether there is anything to take away: a certificate, a way to get one, or a device that appeared after the last time. */
async function hasSomething(
  { store, authority, clock }: EnrolmentPorts,
  certificates: DeviceCertificates,
  device: DeviceId,
): Promise<boolean> {
  if ((await certificates.usable(device)).length > 0) return true;
  const token = await store
    .selectFrom("join_tokens")
    .select("device")
    .where("device", "=", device)
    .where("used_ms", "is", null)
    .where("expires_ms", ">", clock.nowMs())
    .executeTakeFirst();
  const approved = await store
    .selectFrom("pending_devices")
    .select("device")
    .where("device", "=", device)
    .where("state", "=", "approved")
    .executeTakeFirst();
  if (token !== undefined || approved !== undefined) return true;
  const seen = await store.selectFrom("devices").select("first_seen_ms").where("id", "=", device).executeTakeFirst();
  // It connected with a certificate that this database does not know.
  return seen !== undefined && seen.first_seen_ms > authority.revokedUntilMs(device);
}

function noCertificate(device: DeviceId): FerryError {
  return new FerryError("not-found", `${device} has no certificate that could be used`, {
    hint: `Invite it with \`ferry device invite ${device}\`. To revoke one that a lost database has forgotten, add --force.`,
    exitCode: EXIT.notFound,
  });
}
