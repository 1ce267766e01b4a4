/** What devices are given and what is taken away from them again, whichever way they were let in. */
import type { Clock } from "../../common/clock.ts";
import { FerryError } from "../../common/ferry-error.ts";
import type { DeviceId } from "../../protocol/ids.ts";
import { publicKeyFromPem, type PublicKey } from "../../protocol/trust/keys.ts";
import { ensureDevice } from "../fleet/inventory.ts";
import type { Store } from "../store/store.ts";
import type { Authority, IssuedCertificate } from "./authority.ts";

export interface DeviceCertificatePorts {
  readonly store: Store;
  readonly authority: Authority;
  /** Ends the connections whose certificate is revoked. */
  readonly endRevoked: () => void;
  readonly clock: Clock;
}

export interface DeviceCertificates {
  /** Signed, and not recorded yet: whoever gives it out records it first. */
  readonly issue: (device: DeviceId, key: PublicKey) => Promise<IssuedCertificate>;
  readonly record: (store: Store, device: DeviceId, issued: IssuedCertificate) => Promise<void>;
  /** Serials that could still be used. */
  readonly usable: (device: DeviceId) => Promise<readonly string[]>;
  /** Those that are known, and whatever else was issued to this name until now. Resolves to how many were known. */
  readonly takeAway: (device: DeviceId) => Promise<number>;
  /** SHA-256 of the key under which the device's reports are believed. */
  readonly knownKey: (device: DeviceId) => Promise<string | undefined>;
  /** The key under which they are believed from then on. Throws FerryError `device-limit`. */
  readonly adoptKey: (device: DeviceId, key: PublicKey) => Promise<void>;
}

export function createDeviceCertificates(ports: DeviceCertificatePorts): DeviceCertificates {
  const { store, authority, endRevoked, clock } = ports;

  const usable: DeviceCertificates["usable"] = async (device) => {
    const rows = await store.selectFrom("certificates").selectAll().where("device", "=", device).execute();
    return rows
      .filter(({ serial, issued_ms: issuedMs }) => !authority.isRevoked({ name: device, serial, issuedMs }))
      .map(({ serial }) => serial);
  };

  const takeAway: DeviceCertificates["takeAway"] = async (device) => {
    const serials = await usable(device);
    await authority.revoke(device, serials, clock.nowMs());
    endRevoked();
    return serials.length;
  };

  const knownKey: DeviceCertificates["knownKey"] = async (device) => {
    const row = await store.selectFrom("devices").select("public_key").where("id", "=", device).executeTakeFirst();
    const pem = row?.public_key ?? null;
    return pem === null ? undefined : publicKeyFromPem(pem).fingerprint;
  };

  return {
    issue: (device, { key }) => authority.issueClient(device, key, clock.nowMs()),
    record: async (where, device, { serial, issuedMs, expiresMs }) => {
      await where
        .insertInto("certificates")
        .values({ serial, device, issued_ms: issuedMs, expires_ms: expiresMs })
        .execute();
    },
    usable,
    takeAway,
    knownKey,
    adoptKey: async (device, key) => {
      if (!(await ensureDevice(store, device, clock.nowMs()))) {
        throw new FerryError("device-limit", "The fleet is full: no more devices are taken");
      }
      const known = await knownKey(device);
      if (known === key.fingerprint) return;
      // Another machine, or the same one made anew: what the former key could do ends here, and its reports count no more.
      if (known !== undefined) await takeAway(device);
      await store
        .deleteFrom("pending_devices")
        .where("device", "=", device)
        .where("fingerprint", "!=", key.fingerprint)
        .where("state", "=", "approved")
        .execute();
      await store.deleteFrom("reports").where("device", "=", device).execute();
      await store.updateTable("devices").set({ public_key: key.pem }).where("id", "=", device).execute();
    },
  };
}
