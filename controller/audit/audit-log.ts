/** Who did what: rows that are only ever added, each hashed over the one before. */
import type { Store, StoreTransaction } from "../store/store.ts";
import type { AuditRow } from "../store/tables.ts";
import { entryHash, GENESIS, type AuditEntry, type Outcome } from "./audit-entry.ts";

export interface NewAuditEntry {
  readonly actor: string;
  readonly action: string;
  readonly target?: string | undefined;
  readonly outcome: Outcome;
  readonly detail?: string | undefined;
}

/** The program itself; no operator can have this name. */
export const SYSTEM = "(system)";
/** Whoever gave no token, or one that is unknown. */
export const NOBODY = "(nobody)";

/** In a target or a detail: what people write is short, and a log is no place to store things. */
const TEXT_CHARS_MAX = 500;

/** In the transaction of the change: the entry is there exactly if the change is. */
export async function appendAudit(trx: StoreTransaction, entry: NewAuditEntry, nowMs: number): Promise<AuditEntry> {
  const last = await trx.selectFrom("audit").select(["seq", "hash"]).orderBy("seq", "desc").limit(1).executeTakeFirst();
  const { actor, action, outcome } = entry;
  const content = {
    seq: (last?.seq ?? 0) + 1,
    atMs: Math.round(nowMs),
    actor,
    action,
    target: cut(entry.target),
    outcome,
    detail: cut(entry.detail),
  };
  const whole: AuditEntry = { ...content, hash: entryHash(last?.hash ?? GENESIS, content) };
  const { atMs, ...row } = whole;
  await trx
    .insertInto("audit")
    .values({ ...row, at_ms: atMs })
    .execute();
  return whole;
}

export interface AuditQuery {
  /** Only entries with a greater number. */
  readonly after?: number | undefined;
  readonly limit: number;
}

/** Ascending: the newest `limit` of them, or those after a number. */
export async function listAudit(store: Store, { after, limit }: AuditQuery): Promise<AuditEntry[]> {
  const rows = store.selectFrom("audit").selectAll().limit(limit);
  if (after !== undefined) return (await rows.where("seq", ">", after).orderBy("seq", "asc").execute()).map(entryOf);
  return (await rows.orderBy("seq", "desc").execute()).reverse().map(entryOf);
}

function entryOf({ at_ms: atMs, ...row }: AuditRow): AuditEntry {
  return { ...row, atMs };
}

function cut(text: string | undefined): string | null {
  if (text === undefined) return null;
  return text.length <= TEXT_CHARS_MAX ? text : `${text.slice(0, TEXT_CHARS_MAX - 1)}…`;
}
