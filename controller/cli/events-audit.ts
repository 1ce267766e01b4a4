import { Option, type Command } from "commander";
import pc from "picocolors";
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import { Sha256 } from "../../protocol/ids.ts";
import { gate } from "../../protocol/schema.ts";
import type { AuditEntry } from "../audit/audit-entry.ts";
import { verifyChain, type ChainVerdict } from "../audit/audit-chain.ts";
import type { Client } from "../http/client.ts";
import {
  clientOf,
  formatOf,
  withController,
  withExamples,
  withOutput,
  type OutputOptions,
  type RemoteOptions,
} from "./context.ts";
import { counted, instant } from "./human.ts";
import { printOne, type Column } from "./output.ts";

export function addVerifyCommand(events: Command): void {
  const verify = events
    .command("verify")
    .description("check here that the audit log was neither cut nor edited")
    .addOption(new Option("--head <hash>", "the hash of an entry, kept elsewhere: shows a log that lost its end"))
    .action(verifyAudit);
  withExamples(
    withOutput(withController(verify)),
    "ferry events verify",
    "ferry events verify -o name >> heads.txt",
    'ferry events verify --head "$(tail -n 1 heads.txt)"',
  );
}

type Options = RemoteOptions & OutputOptions & { readonly head?: string };

async function verifyAudit(options: Options): Promise<void> {
  const head = options.head === undefined ? undefined : hashOf(options.head);
  const verdict = await verifyChain(pagesOf(clientOf(options)), head);
  switch (verdict.kind) {
    case "whole":
      printOne(verdict, formatOf(options), () => wholeText(verdict), verdict.head);
      return;
    case "broken":
      throw new FerryError("audit-broken", `The audit log is broken at entry ${verdict.seq}: ${verdict.why}`, {
        hint: "Entries before it are as they were written. Compare with a backup, and with the hashes in the controller's log.",
      });
    case "head-missing":
      throw new FerryError(
        "audit-cut",
        `The audit log lost its end, or was written anew: none of its ${verdict.entries} entries has the hash that was kept`,
        { hint: "Compare with a backup, and with the hashes in the controller's log." },
      );
  }
}

function wholeText({ entries, head }: ChainVerdict & { readonly kind: "whole" }): string {
  return `${pc.green("✔")} ${counted(entries, "entry", "entries")}, none cut or edited; head ${head}`;
}

async function* pagesOf(client: Client): AsyncGenerator<readonly AuditEntry[]> {
  let after = 0;
  for (;;) {
    const { entries } = await client.listAudit({ query: { after, limit: 1_000 } });
    const last = entries.at(-1);
    // A server that gives the same page again would keep us here for ever.
    if (last === undefined || last.seq <= after) return;
    yield entries;
    after = last.seq;
  }
}

const checkHash = gate("hash", Sha256);

function hashOf(text: string): Sha256 {
  try {
    return checkHash(text.trim());
  } catch (cause) {
    throw new FerryError("usage", `${JSON.stringify(text)} is not the hash of an entry`, {
      hint: "It has 64 hexadecimal digits; `ferry events verify -o name` prints the newest one.",
      exitCode: EXIT.usage,
      cause,
    });
  }
}

export const AUDIT_COLUMNS: readonly Column<AuditEntry>[] = [
  { title: "ENTRY", text: ({ seq }) => String(seq), align: "right" },
  { title: "TIME", text: ({ atMs }) => instant(atMs) },
  { title: "WHO", text: ({ actor }) => actor },
  { title: "DID", text: ({ action }) => action },
  { title: "ON", text: ({ target }) => target ?? "–" },
  {
    title: "OUTCOME",
    text: ({ outcome }) => (outcome === "done" ? outcome : pc.red(outcome)),
    csv: ({ outcome }) => outcome,
  },
  { title: "DETAIL", text: ({ detail }) => detail ?? "–" },
  { title: "HASH", text: ({ hash }) => hash, wide: true },
];
