/**
 * After a lost or restored database a device holds a newer deployment than the controller remembers. A deployment with
 * an older sequence would be refused, and one with no slots would empty the device: so what it runs, by its own signed
 * report, becomes what it is to run.
 */
import type { StatementDigest } from "../../protocol/ids.ts";
import type { DeployedSlot } from "../../protocol/trust/deployment.ts";
import type { Report } from "../../protocol/trust/report.ts";
import { SEQUENCE_MAX } from "./deployments.ts";

export type Recovery =
  | { readonly kind: "recovered"; readonly seq: number; readonly slots: readonly DeployedSlot[] }
  /** Until the catalogue has the bundle, whose archive's digests must stand in a deployment; or until the director's key changes. */
  | { readonly kind: "held"; readonly why: string };

/** `slotFor` looks a statement up in the catalogue. */
export function recoverDeployment(
  report: Report,
  slotFor: (statement: StatementDigest) => DeployedSlot | undefined,
): Recovery {
  if (report.seq > SEQUENCE_MAX) {
    const why = `no wish ever has so high a number: exchange the director's key (ferry root rotate director), and the device begins again`;
    return { kind: "held", why };
  }
  const slots: DeployedSlot[] = [];
  for (const slot of report.slots) {
    const statement = slot.active?.statement ?? slot.desired;
    if (statement === undefined) continue;
    const found = slotFor(statement);
    if (found === undefined) {
      const name = slot.active === undefined ? slot.slot : `${slot.active.model}@${slot.active.version}`;
      const why = `it runs ${name} (${statement.slice(0, 16)}…), which the catalogue does not have; push that bundle again`;
      return { kind: "held", why };
    }
    const params = slot.active?.params;
    slots.push({ ...found, slot: slot.slot, ...(params === undefined ? {} : { params }) });
  }
  return { kind: "recovered", seq: report.seq + 1, slots };
}
