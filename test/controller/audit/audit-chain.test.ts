/** The audit log against somebody who has the database file. */
import t from "tap";
import { join } from "node:path";
import { verifyChain } from "../../../controller/audit/audit-chain.ts";
import { entryHash, GENESIS, type AuditEntry } from "../../../controller/audit/audit-entry.ts";
import { appendAudit, listAudit, type NewAuditEntry } from "../../../controller/audit/audit-log.ts";
import { openStore, type Store } from "../../../controller/store/store.ts";

const entry = (target: string): NewAuditEntry => ({ actor: "kari", action: "labelDevice", target, outcome: "done" });

async function storeWith(directory: string, count: number) {
  const opened = await openStore(join(directory, "controller.db"));
  for (let at = 0; at < count; at += 1) {
    await opened.store.transaction().execute((trx) => appendAudit(trx, entry(`cam-${at}`), at));
  }
  return opened;
}

async function* pages(store: Store, size = 3): AsyncGenerator<readonly AuditEntry[]> {
  let after = 0;
  for (;;) {
    const page = await listAudit(store, { after, limit: size });
    if (page.length === 0) return;
    yield page;
    after = page.at(-1)?.seq ?? after;
  }
}

const HEAD_AT_7 = 7;

const cases: readonly {
  name: string;
  tamper: (store: Store) => Promise<unknown>;
  verdict: object;
}[] = [
  {
    name: "left alone, it is whole",
    tamper: () => Promise.resolve(),
    verdict: { kind: "whole", entries: 10 },
  },
  {
    name: "an edited entry shows, by its number",
    tamper: (store) => store.updateTable("audit").set({ target: "cam-x" }).where("seq", "=", 4).execute(),
    verdict: { kind: "broken", seq: 4, why: /entry 4 was changed/ },
  },
  {
    name: "an entry edited together with its hash shows at the next one",
    tamper: async (store) => {
      const [third, fourth] = await listAudit(store, { after: 2, limit: 2 });
      if (third === undefined || fourth === undefined) throw new Error("no entries");
      const forged = { ...fourth, actor: "somebody else" };
      const hash = entryHash(third.hash, forged);
      await store.updateTable("audit").set({ actor: forged.actor, hash }).where("seq", "=", 4).execute();
    },
    verdict: { kind: "broken", seq: 5 },
  },
  {
    name: "an entry cut out shows as missing",
    tamper: (store) => store.deleteFrom("audit").where("seq", "=", 6).execute(),
    verdict: { kind: "broken", seq: 6, why: /entry 6 is missing; 7 follows/ },
  },
  {
    name: "a cut beginning shows",
    tamper: (store) => store.deleteFrom("audit").where("seq", "<", 3).execute(),
    verdict: { kind: "broken", seq: 1, why: /entry 1 is missing; 3 follows/ },
  },
  {
    name: "a cut end shows against the hash that was kept",
    tamper: (store) => store.deleteFrom("audit").where("seq", ">", 5).execute(),
    verdict: { kind: "head-missing", entries: 5 },
  },
  {
    name: "an emptied log shows against the hash that was kept",
    tamper: (store) => store.deleteFrom("audit").execute(),
    verdict: { kind: "head-missing", entries: 0, head: GENESIS },
  },
  {
    name: "a log that was written anew, hashes and all, shows against the hash that was kept",
    tamper: async (store) => {
      const entries = await listAudit(store, { limit: 100 });
      let former = GENESIS;
      for (const { hash: _former, ...content } of entries) {
        const forged = { ...content, actor: "somebody else" };
        const hash = entryHash(former, forged);
        await store.updateTable("audit").set({ actor: forged.actor, hash }).where("seq", "=", content.seq).execute();
        former = hash;
      }
    },
    verdict: { kind: "head-missing", entries: 10 },
  },
];

for (const { name, tamper, verdict } of cases) {
  t.test(name, async (t) => {
    await using opened = await storeWith(t.testdir(), 10);
    const [kept] = await listAudit(opened.store, { after: HEAD_AT_7 - 1, limit: 1 });
    await tamper(opened.store);
    t.match(await verifyChain(pages(opened.store), kept?.hash), verdict);
  });
}

t.test("what is written at the same time stays in one chain", async (t) => {
  await using opened = await storeWith(t.testdir(), 0);
  await Promise.all(
    Array.from({ length: 20 }, (_, at) =>
      opened.store.transaction().execute((trx) => appendAudit(trx, entry(`cam-${at}`), at)),
    ),
  );
  t.match(await verifyChain(pages(opened.store), undefined), { kind: "whole", entries: 20 });
});

t.test("an entry is there exactly if its change is", async (t) => {
  await using opened = await storeWith(t.testdir(), 1);
  const failing = opened.store.transaction().execute(async (trx) => {
    await appendAudit(trx, entry("cam-9"), 9);
    throw new Error("no");
  });
  await t.rejects(failing, /no/);
  t.equal((await listAudit(opened.store, { limit: 10 })).length, 1);
});

t.test("long texts are cut: a log is no place to store things", async (t) => {
  await using opened = await storeWith(t.testdir(), 0);
  await opened.store.transaction().execute((trx) => appendAudit(trx, entry("x".repeat(10_000)), 0));
  const [only] = await listAudit(opened.store, { limit: 1 });
  t.equal(only?.target?.length, 500);
  t.match(await verifyChain(pages(opened.store), undefined), { kind: "whole" });
});
