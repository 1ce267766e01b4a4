/** Walks the audit log as anyone can who has its entries: nothing that the controller says about them is believed. */
import type { Sha256 } from "../../protocol/ids.ts";
import { entryHash, GENESIS, type AuditEntry } from "./audit-entry.ts";

export type ChainVerdict =
  | { readonly kind: "whole"; readonly entries: number; readonly head: Sha256 }
  /** `seq` is the first entry that does not follow from those before it. */
  | { readonly kind: "broken"; readonly seq: number; readonly why: string }
  /** Nothing is wrong with what is there, but the entry whose hash was kept elsewhere is not. */
  | { readonly kind: "head-missing"; readonly entries: number; readonly head: Sha256 };

/** `pages` come in ascending order; only one of them is in memory. `keptHead`: the hash of an entry, kept elsewhere. */
export async function verifyChain(
  pages: AsyncIterable<readonly AuditEntry[]>,
  keptHead: Sha256 | undefined,
): Promise<ChainVerdict> {
  let entries = 0;
  let head = GENESIS;
  let isHeadSeen = keptHead === undefined || keptHead === GENESIS;
  for await (const page of pages) {
    for (const entry of page) {
      const why = whyNotNext(entry, entries + 1, head);
      if (why !== undefined) return { kind: "broken", seq: entries + 1, why };
      entries += 1;
      head = entry.hash;
      if (head === keptHead) isHeadSeen = true;
    }
  }
  return { kind: isHeadSeen ? "whole" : "head-missing", entries, head };
}

function whyNotNext(entry: AuditEntry, seq: number, former: Sha256): string | undefined {
  if (entry.seq !== seq) return `entry ${seq} is missing; ${entry.seq} follows`;
  if (entry.hash !== entryHash(former, entry)) return `entry ${seq} was changed, or one before it was exchanged`;
  return undefined;
}
