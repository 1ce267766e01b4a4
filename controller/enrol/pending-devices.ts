/** The second way in: a device asks under a name with its key, and waits until an operator says yes to exactly that key. */
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import type { AskRequest } from "../../protocol/enrol/enrol-messages.ts";
import type { DeviceId } from "../../protocol/ids.ts";
import { publicKeyFromPem, type PublicKey } from "../../protocol/trust/keys.ts";
import { recordEvent } from "../fleet/events.ts";
import { NOTHING_ELSE, type InTransaction, type Store, type StoreTransaction } from "../store/store.ts";
import type { PendingDeviceRow } from "../store/tables.ts";
import type { DeviceCertificates } from "./device-certificates.ts";
import { EnrolRefused } from "./enrol-refused.ts";
import type { Enrolled, EnrolmentPorts } from "./enrolment-ports.ts";
import { judgeAsking, type AskingVerdict } from "./policy.ts";
import { provenP256 } from "./proven-key.ts";
import { isReserved, requireDeviceName } from "./reserved-names.ts";

/** A device that waits asks every few seconds: one that has been silent for so long is gone, and its place is free. */
export const SILENT_MS_MAX = 3_600_000;
/** For how long a device that was let in may fetch its certificate, and one that was not is told so. */
export const DECISION_KEPT_MS = 24 * 3_600_000;
/** Asking again changes nothing but this; it is not worth a write to disk each time. */
const HEARD_MS = 60_000;

export interface PendingDevice {
  readonly device: DeviceId;
  readonly fingerprint: string;
  readonly network: string;
  readonly firstMs: number;
  readonly heardMs: number;
  /** `another`: the name is that of a device with another key, which approval would replace. */
  readonly knownAs: "nobody" | "itself" | "another";
}

export interface Approval {
  readonly device: DeviceId;
  /** Of the one key that is meant, whole: what else comes under this name meanwhile is not. */
  readonly fingerprint: string;
}

export type Asked = { readonly kind: "waits" } | { readonly kind: "granted"; readonly enrolled: Enrolled };

export interface PendingDevices {
  /** `network`: from where. Throws EnrolRefused. */
  readonly ask: (request: AskRequest, network: string) => Promise<Asked>;
  /** Those who wait, the longest first. */
  readonly pending: () => Promise<readonly PendingDevice[]>;
  /** `replace`: also where a device with another key has this name. Throws `not-found`, `device-exists`, `name-taken`. */
  readonly approve: (approval: Approval & { readonly replace: boolean }, also?: InTransaction) => Promise<void>;
  /** Throws `not-found`. */
  readonly reject: (approval: Approval, also?: InTransaction) => Promise<void>;
}

export function createPendingDevices(ports: EnrolmentPorts, certificates: DeviceCertificates): PendingDevices {
  const { store, fleet, approval: isOpen, readCallers, clock } = ports;

  return {
    ask: async ({ fleet: askedFleet, device, csr }, network) => {
      const key = isOpen ? await provenP256(csr) : undefined;
      const isTaken = isReserved(device, await readCallers());
      const nowMs = clock.nowMs();
      const verdict = await store.transaction().execute(async (trx): Promise<AskingVerdict> => {
        await forget(trx, nowMs);
        const row = key === undefined ? undefined : await rowOf(trx, { device, fingerprint: key.fingerprint });
        const waiting = await waitingIn(trx, device, network);
        const facts = { isOpen, fleet, askedFleet, isReserved: isTaken, isKeyProven: key !== undefined, waiting };
        const judged = judgeAsking({ ...facts, known: row?.state });
        if (judged.kind === "waits" && key !== undefined) await note(trx, { device, key, network, row, nowMs });
        return judged;
      });
      switch (verdict.kind) {
        case "refused":
          throw new EnrolRefused(verdict.code, verdict.why);
        case "waits":
          return { kind: "waits" };
        case "granted":
          if (key === undefined) throw new Error("granted without a key");
          return { kind: "granted", enrolled: await grant(device, key) };
      }
    },

    pending: async () => {
      await store.transaction().execute((trx) => forget(trx, clock.nowMs()));
      const rows = await store
        .selectFrom("pending_devices")
        .leftJoin("devices", "devices.id", "pending_devices.device")
        .selectAll("pending_devices")
        .select("devices.public_key")
        .where("state", "=", "waiting")
        .orderBy("first_ms")
        .execute();
      return rows.map(pendingOf);
    },

    approve: async ({ device, fingerprint, replace }, also = NOTHING_ELSE) => {
      requireDeviceName(device, await readCallers());
      const known = await certificates.knownKey(device);
      if (known !== undefined && known !== fingerprint && !replace) throw exists(device, known);
      await decide({ device, fingerprint }, "approved", also);
    },

    reject: (approval, also = NOTHING_ELSE) => decide(approval, "rejected", also),
  };

  /** The same certificate each time it is asked for: of two requests at once, one is recorded and both get it. */
  async function grant(device: DeviceId, key: PublicKey): Promise<Enrolled> {
    const { fingerprint } = key;
    const present = (await rowOf(store, { device, fingerprint }))?.certificate ?? null;
    if (present !== null) return { device, certificate: present };
    await certificates.adoptKey(device, key);
    const issued = await certificates.issue(device, key);
    const text = `${device} enrolled with the key ${fingerprint.slice(0, 16)}…, which an operator approved`;
    const certificate = await store.transaction().execute(async (trx) => {
      const row = await rowOf(trx, { device, fingerprint });
      const earlier = row?.certificate ?? null;
      if (earlier !== null) return earlier;
      // It was revoked, or replaced, since it was approved.
      if (row?.state !== "approved") throw new EnrolRefused("approval-rejected", "the approval was taken back");
      await trx
        .updateTable("pending_devices")
        .set({ certificate: issued.pem })
        .where("device", "=", device)
        .where("fingerprint", "=", fingerprint)
        .execute();
      await certificates.record(trx, device, issued);
      await recordEvent(trx, { kind: "device-enrolled", device, text }, clock.nowMs());
      return issued.pem;
    });
    return { device, certificate };
  }

  async function decide(
    { device, fingerprint }: Approval,
    state: "approved" | "rejected",
    also: InTransaction,
  ): Promise<void> {
    const nowMs = clock.nowMs();
    await store.transaction().execute(async (trx) => {
      await forget(trx, nowMs);
      const { numUpdatedRows } = await trx
        .updateTable("pending_devices")
        .set({ state, decided_ms: nowMs })
        .where("device", "=", device)
        .where("fingerprint", "=", fingerprint)
        .where("state", "=", "waiting")
        .executeTakeFirstOrThrow();
      if (numUpdatedRows !== 1n) throw notWaiting(device);
      const text = `${device} with the key ${fingerprint.slice(0, 16)}… was ${state}`;
      await recordEvent(
        trx,
        { kind: state === "approved" ? "device-approved" : "device-rejected", device, text },
        nowMs,
      );
      await also(trx);
    });
  }
}

function pendingOf(row: PendingDeviceRow & { readonly public_key: string | null }): PendingDevice {
  const { device, fingerprint, network, first_ms: firstMs, heard_ms: heardMs, public_key: pem } = row;
  const known = pem === null ? undefined : publicKeyFromPem(pem).fingerprint;
  const knownAs = known === undefined ? "nobody" : known === fingerprint ? "itself" : "another";
  return { device, fingerprint, network, firstMs, heardMs, knownAs };
}

function rowOf(store: Store, { device, fingerprint }: Approval): Promise<PendingDeviceRow | undefined> {
  return store
    .selectFrom("pending_devices")
    .selectAll()
    .where("device", "=", device)
    .where("fingerprint", "=", fingerprint)
    .executeTakeFirst();
}

async function forget(trx: StoreTransaction, nowMs: number): Promise<void> {
  await trx
    .deleteFrom("pending_devices")
    .where((row) =>
      row.or([
        row.and([row("state", "=", "waiting"), row("heard_ms", "<", nowMs - SILENT_MS_MAX)]),
        row("decided_ms", "<", nowMs - DECISION_KEPT_MS),
      ]),
    )
    .execute();
}

async function waitingIn(trx: StoreTransaction, device: DeviceId, network: string) {
  const { all, ofNetwork, ofDevice } = await trx
    .selectFrom("pending_devices")
    .select(({ fn, eb }) => [
      fn.countAll<number>().as("all"),
      fn
        .countAll<number>()
        .filterWhere(eb("network", "=", network))
        .as("ofNetwork"),
      fn
        .countAll<number>()
        .filterWhere(eb("device", "=", device))
        .as("ofDevice"),
    ])
    .where("state", "=", "waiting")
    .executeTakeFirstOrThrow();
  return { all, ofNetwork, ofDevice };
}

interface Asking {
  readonly device: DeviceId;
  readonly key: PublicKey;
  readonly network: string;
  readonly row: PendingDeviceRow | undefined;
  readonly nowMs: number;
}

async function note(trx: StoreTransaction, { device, key, network, row, nowMs }: Asking): Promise<void> {
  const { fingerprint } = key;
  if (row === undefined) {
    const times = { first_ms: nowMs, heard_ms: nowMs, decided_ms: null };
    await trx
      .insertInto("pending_devices")
      .values({ device, fingerprint, network, state: "waiting", ...times, certificate: null })
      .execute();
    const text = `${device} asks to join with the key ${fingerprint.slice(0, 16)}…, from ${network}`;
    await recordEvent(trx, { kind: "device-asks", device, text }, nowMs);
  } else if (nowMs - row.heard_ms >= HEARD_MS) {
    await trx
      .updateTable("pending_devices")
      .set({ heard_ms: nowMs })
      .where("device", "=", device)
      .where("fingerprint", "=", fingerprint)
      .execute();
  }
}

function exists(device: DeviceId, known: string): FerryError {
  return new FerryError("device-exists", `${device} is a device already, with the key ${known.slice(0, 16)}…`, {
    hint: "If this is the same device made anew, or another in its place, add --replace: the former key then serves no more. Otherwise reject it.",
    exitCode: EXIT.conflict,
  });
}

function notWaiting(device: DeviceId): FerryError {
  return new FerryError("not-found", `No device with this key waits under the name ${device}`, {
    hint: "See who does with `ferry device pending`; one that has been silent for an hour is forgotten.",
    exitCode: EXIT.notFound,
  });
}
