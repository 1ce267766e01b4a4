/** Signed device reports: the only evidence from which a rollout counts. */
import type { DeviceId, FleetId } from "../../protocol/ids.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { countSigningKeys, parseEnvelope } from "../../protocol/trust/dsse.ts";
import { publicKeyFromPem } from "../../protocol/trust/keys.ts";
import { REPORT_TYPE, reportIn, type Report } from "../../protocol/trust/report.ts";
import type { Store } from "../store/store.ts";

export type ReportOutcome =
  | { readonly kind: "accepted"; readonly report: Report }
  /** QoS 1 delivers twice now and then: the newest report again. */
  | { readonly kind: "duplicate" }
  | { readonly kind: "refused"; readonly why: string };

/** Envelope, signature of the device's own key, then the payload, whose it is, and that it is newer than the last one. */
export async function acceptReport(
  store: Store,
  fleet: FleetId,
  device: DeviceId,
  payload: Uint8Array,
  nowMs: number,
): Promise<ReportOutcome> {
  const row = await store.selectFrom("devices").select("public_key").where("id", "=", device).executeTakeFirst();
  const key = row?.public_key ?? null;
  if (key === null) return refused(`${device} has not told its public key`);
  let report: Report;
  try {
    const envelope = parseEnvelope(payload);
    if (envelope.payloadType !== REPORT_TYPE) return refused(`a document of type ${envelope.payloadType} is no report`);
    if (countSigningKeys(envelope, [publicKeyFromPem(key)]) < 1) return refused(`the key of ${device} did not sign it`);
    report = reportIn(envelope);
  } catch (thrown) {
    if (thrown instanceof ProtocolError) return refused(thrown.message);
    throw thrown;
  }
  if (report.fleet !== fleet || report.device !== device) {
    return refused(`it is about ${report.fleet}/${report.device}, but came from ${fleet}/${device}`);
  }
  return storeReport(store, report, nowMs);
}

async function storeReport(store: Store, report: Report, nowMs: number): Promise<ReportOutcome> {
  const { device, counter } = report;
  return store.transaction().execute(async (trx): Promise<ReportOutcome> => {
    const last = await trx.selectFrom("reports").select("counter").where("device", "=", device).executeTakeFirst();
    if (last?.counter === counter) return { kind: "duplicate" };
    if (last !== undefined && last.counter > counter) {
      return refused(`its counter ${counter} is below ${last.counter}: a replay, or a device that lost its state`);
    }
    const values = { counter, received_ms: nowMs, report_json: JSON.stringify(report) };
    await trx
      .insertInto("reports")
      .values({ device, ...values })
      .onConflict((conflict) => conflict.column("device").doUpdateSet(values))
      .execute();
    await trx.updateTable("devices").set({ heartbeat_ms: report.heartbeatMs }).where("id", "=", device).execute();
    return { kind: "accepted", report };
  });
}

function refused(why: string): ReportOutcome {
  return { kind: "refused", why };
}
