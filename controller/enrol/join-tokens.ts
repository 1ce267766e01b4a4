/** The first way in: an operator gives a device a token, which serves one key. */
import { randomBytes } from "node:crypto";
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import type { JoinRequest } from "../../protocol/enrol/enrol-messages.ts";
import { formatJoinToken } from "../../protocol/enrol/join-token.ts";
import type { DeviceId, Sha256 } from "../../protocol/ids.ts";
import { sha256 } from "../../protocol/trust/digest.ts";
import { recordEvent } from "../fleet/events.ts";
import { NOTHING_ELSE, type InTransaction } from "../store/store.ts";
import type { DeviceCertificates } from "./device-certificates.ts";
import type { Enrolled, EnrolmentPorts } from "./enrolment-ports.ts";
import { EnrolRefused } from "./enrol-refused.ts";
import { judgeJoin } from "./policy.ts";
import { provenP256 } from "./proven-key.ts";
import { requireDeviceName } from "./reserved-names.ts";

/** Tokens are given out by people and scripts; what expired is forgotten, so this bounds only what is open at once. */
export const OPEN_TOKENS_MAX = 100_000;
/** Used and expired tokens are kept for a while, so that whoever tries one is told why it does not serve. */
const TOKEN_KEPT_MS = 7 * 24 * 3_600_000;

export interface Invitation {
  readonly device: DeviceId;
  readonly token: string;
  readonly expiresMs: number;
}

export interface JoinTokens {
  /** `also` is stored with it, or neither is. Throws FerryError `usage`, `name-taken`, `busy`. */
  readonly invite: (device: DeviceId, lifetimeMs: number, also?: InTransaction) => Promise<Invitation>;
  /** Throws EnrolRefused. */
  readonly join: (request: JoinRequest) => Promise<Enrolled>;
}

export function createJoinTokens(ports: EnrolmentPorts, certificates: DeviceCertificates): JoinTokens {
  const { store, authority, fleet, url, readCallers, clock } = ports;
  return {
    invite: async (device, lifetimeMs, also = NOTHING_ELSE) => {
      requireDeviceName(device, await readCallers());
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
        await recordEvent(trx, { kind: "device-invited", device, text: `a join token for ${device} was made` }, nowMs);
        await also(trx);
      });
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
      const isKnownKey = row !== undefined && (await certificates.knownKey(row.device)) === key?.fingerprint;
      const verdict = judgeJoin({ token, fleet, askedFleet, isKeyProven: key !== undefined, isKnownKey, nowMs });
      if (verdict.kind === "refused") throw new EnrolRefused(verdict.code, verdict.why);
      if (row === undefined || key === undefined) throw new Error("granted without a token or a key");
      if (row.used_ms === null && !(await take(digest, nowMs))) {
        throw new EnrolRefused("token-used", "the token has been used: each serves once");
      }
      const { device } = row;
      await certificates.adoptKey(device, key);
      const issued = await certificates.issue(device, key);
      const text = `${device} enrolled with the key ${key.fingerprint.slice(0, 16)}…`;
      await store.transaction().execute(async (trx) => {
        await certificates.record(trx, device, issued);
        await recordEvent(trx, { kind: "device-enrolled", device, text }, nowMs);
      });
      return { device, certificate: issued.pem };
    },
  };

  /** One statement decides: of two requests with the same token, one takes it. */
  async function take(digest: Sha256, nowMs: number): Promise<boolean> {
    const { numUpdatedRows } = await store
      .updateTable("join_tokens")
      .set({ used_ms: nowMs })
      .where("secret_sha256", "=", digest)
      .where("used_ms", "is", null)
      .executeTakeFirstOrThrow();
    return numUpdatedRows === 1n;
  }
}
