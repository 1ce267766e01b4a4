/** Tokens, certificates and revocations of the fleet's devices, kept in the database. */
import { randomBytes, type KeyObject } from "node:crypto";
import type { Clock } from "../../common/clock.ts";
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import { provenKeyOf } from "../../common/x509.ts";
import type { JoinRequest, RenewRequest } from "../../protocol/enrol/enrol-messages.ts";
import { formatJoinToken } from "../../protocol/enrol/join-token.ts";
import type { DeviceId, FleetId } from "../../protocol/ids.ts";
import { sha256 } from "../../protocol/trust/digest.ts";
import { publicKeyFrom, publicKeyFromPem, type PublicKey } from "../../protocol/trust/keys.ts";
import { CONTROLLER_CLIENT } from "../broker/access.ts";
import { recordEvent } from "../fleet/events.ts";
import { ensureDevice } from "../fleet/inventory.ts";
import { NOTHING_ELSE, type InTransaction, type Store } from "../store/store.ts";
import type { Authority } from "./authority.ts";
import { judgeJoin, judgeRenewal, type EnrolRefusalCode } from "./policy.ts";

/** Tokens are given out by people and scripts; what expired is forgotten, so this bounds only what is open at once. */
export const OPEN_TOKENS_MAX = 100_000;
/** For how long `ferry device renew` lets a device come back. */
export const RENEWAL_PERMIT_MS = 7 * 24 * 3_600_000;
/** Used and expired tokens are kept for a while, so that whoever tries one is told why it does not serve. */
const TOKEN_KEPT_MS = 7 * 24 * 3_600_000;

/** Who has a certificate of this name may do everything on the broker. */
const RESERVED: string = CONTROLLER_CLIENT;

export interface EnrolmentPorts {
  readonly store: Store;
  readonly authority: Authority;
  readonly fleet: FleetId;
  /** `https://host:port`, as devices reach it. */
  readonly url: () => string;
  /** Ends the connections whose certificate is revoked. */
  readonly endRevoked: () => void;
  readonly clock: Clock;
}

export interface Invitation {
  readonly device: DeviceId;
  readonly token: string;
  readonly expiresMs: number;
}

export interface Enrolled {
  readonly device: DeviceId;
  readonly certificate: string;
}

export interface Enrolments {
  /** `also` is stored with it, or neither is. */
  readonly invite: (device: DeviceId, lifetimeMs: number, also?: InTransaction) => Promise<Invitation>;
  /** Throws EnrolRefused. */
  readonly join: (request: JoinRequest) => Promise<Enrolled>;
  /** Throws EnrolRefused. */
  readonly renew: (request: RenewRequest) => Promise<Enrolled>;
  /** How many certificates it took away. Throws `not-found` for a device that has none. */
  readonly revoke: (device: DeviceId, also?: InTransaction) => Promise<number>;
  /** Lets a device renew a certificate that ended too long ago; resolves to until when. Throws `not-found`. */
  readonly allowRenewal: (device: DeviceId, also?: InTransaction) => Promise<number>;
}

/** Nobody but the device is told more than this. */
export class EnrolRefused extends Error {
  override readonly name = "EnrolRefused";
  readonly code: EnrolRefusalCode;

  constructor(code: EnrolRefusalCode, why: string) {
    super(why);
    this.code = code;
  }
}

export function createEnrolments({ store, authority, fleet, url, endRevoked, clock }: EnrolmentPorts): Enrolments {
  async function issue(device: DeviceId, key: KeyObject, nowMs: number): Promise<Enrolled> {
    const { pem, serial, expiresMs } = await authority.issueClient(device, key, nowMs);
    await store
      .insertInto("certificates")
      .values({ serial, device, issued_ms: nowMs, expires_ms: expiresMs })
      .execute();
    return { device, certificate: pem };
  }

  async function serialsOf(device: DeviceId): Promise<string[]> {
    const rows = await store.selectFrom("certificates").select("serial").where("device", "=", device).execute();
    return rows.map(({ serial }) => serial).filter((serial) => !authority.isRevoked(serial));
  }

  async function takeAway(device: DeviceId): Promise<number> {
    const serials = await serialsOf(device);
    await authority.revoke(serials, clock.nowMs());
    endRevoked();
    return serials.length;
  }

  /** The key under which the device's reports are believed from then on. */
  async function adoptKey(device: DeviceId, key: PublicKey, nowMs: number): Promise<void> {
    if (!(await ensureDevice(store, device, nowMs))) {
      throw new FerryError("device-limit", "The fleet is full: no more devices are taken");
    }
    const row = await store.selectFrom("devices").select("public_key").where("id", "=", device).executeTakeFirst();
    const known = row?.public_key ?? null;
    if (known !== null && publicKeyFromPem(known).fingerprint === key.fingerprint) return;
    // Another machine, or the same one made anew: what the former key could do ends here, and its reports count no more.
    await takeAway(device);
    await store.deleteFrom("reports").where("device", "=", device).execute();
    await store.updateTable("devices").set({ public_key: key.pem }).where("id", "=", device).execute();
  }

  return {
    invite: async (device, lifetimeMs, also = NOTHING_ELSE) => {
      if (device === RESERVED) {
        throw new FerryError("usage", `A device cannot be called ${RESERVED}: that is the controller's own name`, {
          hint: "Choose another name.",
          exitCode: EXIT.usage,
        });
      }
      const nowMs = clock.nowMs();
      await store
        .deleteFrom("join_tokens")
        .where("expires_ms", "<", nowMs - TOKEN_KEPT_MS)
        .execute();
      const { count } = await store
        .selectFrom("join_tokens")
        .select(({ fn }) => fn.countAll<number>().as("count"))
        .executeTakeFirstOrThrow();
      if (count >= OPEN_TOKENS_MAX) {
        throw new FerryError("busy", `${OPEN_TOKENS_MAX} join tokens are kept already`, {
          hint: "Wait until some expire.",
          exitCode: EXIT.unreachable,
        });
      }
      const secret = randomBytes(32).toString("base64url");
      const expiresMs = nowMs + lifetimeMs;
      await store.transaction().execute(async (trx) => {
        await trx
          .insertInto("join_tokens")
          .values({ secret_sha256: sha256(secret), device, created_ms: nowMs, expires_ms: expiresMs, used_ms: null })
          .execute();
        await also(trx);
      });
      await recordEvent(store, { kind: "device-invited", device, text: `a join token for ${device} was made` }, nowMs);
      return {
        device,
        token: formatJoinToken({ url: url(), ca: authority.keyDigest, fleet, device, secret }),
        expiresMs,
      };
    },

    join: async ({ fleet: askedFleet, secret, csr }) => {
      const nowMs = clock.nowMs();
      const digest = sha256(secret);
      const row = await store
        .selectFrom("join_tokens")
        .selectAll()
        .where("secret_sha256", "=", digest)
        .executeTakeFirst();
      const key = await provenP256(csr);
      const token = row === undefined ? undefined : { expiresMs: row.expires_ms, usedMs: row.used_ms };
      const verdict = judgeJoin({ token, fleet, askedFleet, isKeyProven: key !== undefined, nowMs });
      if (verdict.kind === "refused") throw new EnrolRefused(verdict.code, verdict.why);
      if (row === undefined || key === undefined) throw new Error("granted without a token or a key");
      // One statement decides: of two requests with the same token, one takes it.
      const { numUpdatedRows } = await store
        .updateTable("join_tokens")
        .set({ used_ms: nowMs })
        .where("secret_sha256", "=", digest)
        .where("used_ms", "is", null)
        .executeTakeFirstOrThrow();
      if (numUpdatedRows !== 1n) throw new EnrolRefused("token-used", "the token has been used: each serves once");
      await adoptKey(row.device, key, nowMs);
      const text = `${row.device} enrolled with the key ${key.fingerprint.slice(0, 16)}…`;
      await recordEvent(store, { kind: "device-enrolled", device: row.device, text }, nowMs);
      return issue(row.device, key.key, nowMs);
    },

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
            : { expiresMs: certificate.expiresMs, isRevoked: authority.isRevoked(certificate.serial) },
        isSameKey: key !== undefined && certificate !== undefined && key.key.equals(certificate.key),
        allowedUntilMs: permit?.until_ms ?? null,
        nowMs,
      });
      if (verdict.kind === "refused") throw new EnrolRefused(verdict.code, verdict.why);
      if (key === undefined) throw new Error("granted without a key");
      await store.deleteFrom("renewal_permits").where("device", "=", device).execute();
      await store.deleteFrom("certificates").where("device", "=", device).where("expires_ms", "<", nowMs).execute();
      const enrolled = await issue(device, key.key, nowMs);
      await recordEvent(store, { kind: "device-renewed", device, text: `${device} renewed its certificate` }, nowMs);
      return enrolled;
    },

    revoke: async (device, also = NOTHING_ELSE) => {
      const nowMs = clock.nowMs();
      // The certificates first: whatever fails after that, the device is out.
      const count = await takeAway(device);
      await store.transaction().execute(async (trx) => {
        await trx.deleteFrom("join_tokens").where("device", "=", device).where("used_ms", "is", null).execute();
        await trx.deleteFrom("renewal_permits").where("device", "=", device).execute();
        if (count > 0) await also(trx);
      });
      if (count === 0) throw noCertificate(device);
      await recordEvent(store, { kind: "device-revoked", device, text: `${device} may not connect any more` }, nowMs);
      return count;
    },

    allowRenewal: async (device, also = NOTHING_ELSE) => {
      if ((await serialsOf(device)).length === 0) throw noCertificate(device);
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

/** Undefined for a request that its own key did not sign, or whose key is of another kind. */
async function provenP256(csr: string): Promise<PublicKey | undefined> {
  const key = await provenKeyOf(csr);
  try {
    return key === undefined ? undefined : publicKeyFrom(key);
  } catch {
    return undefined;
  }
}

function noCertificate(device: DeviceId): FerryError {
  return new FerryError("not-found", `${device} has no certificate that could be used`, {
    hint: `Invite it with \`ferry device invite ${device}\`.`,
    exitCode: EXIT.notFound,
  });
}
