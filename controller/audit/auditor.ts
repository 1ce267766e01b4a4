import type { Clock } from "../../common/clock.ts";
import type { Log } from "../../common/log.ts";
import { createFailureLimit } from "../operators/failure-limit.ts";
import type { InTransaction, Store } from "../store/store.ts";
import { appendAudit, type NewAuditEntry } from "./audit-log.ts";

/** Writes into the audit log, and each entry's hash into the log of the program: a witness outside the database. */
export interface Auditor {
  /** For what is done: in the transaction that does it. */
  readonly together: (entry: Omit<NewAuditEntry, "outcome">) => InTransaction;
  /** By itself. What was denied or failed is bounded: whoever repeats it must not fill the disk. */
  readonly note: (entry: NewAuditEntry) => Promise<void>;
}

export interface AuditorPorts {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
}

/** Under a lasting flood the log grows by at most a megabyte a day. */
const LISTED = { windowMs: 3_600_000, perKeyMax: 60, totalMax: 150 } as const;

export function createAuditor({ store, clock, log }: AuditorPorts): Auditor {
  const listed = createFailureLimit({ ...LISTED, nowMs: clock.monotonicMs });
  let unlisted = 0;

  const append =
    (entry: NewAuditEntry): InTransaction =>
    async (trx) => {
      log.info({ audit: await appendAudit(trx, entry, clock.nowMs()) }, "audit");
    };

  return {
    together: (entry) => append({ ...entry, outcome: "done" }),
    note: async (entry) => {
      if (entry.outcome !== "done" && !listed.isWithin(entry.actor)) {
        unlisted += 1;
        return;
      }
      const more =
        unlisted === 0 ? undefined : `${unlisted} more that were denied or failed before this are not listed`;
      unlisted = 0;
      const detail = [entry.detail, more].filter((text) => text !== undefined).join("; ");
      await store.transaction().execute(append({ ...entry, detail: detail === "" ? undefined : detail }));
    },
  };
}
