import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import {
  draftPath,
  mergeDrafts,
  missingSignatures,
  newDraft,
  readDraft,
  signDraft,
  standingsOf,
  writeDraft,
} from "../../../controller/roots/root-draft.ts";
import type { Signer } from "../../../protocol/trust/keys.ts";
import { acceptNextRoot, readUnsignedRoot, withRootSignature } from "../../../protocol/trust/root.ts";
import { newOwners, newRoot, newSigner, rootOf } from "../../support/keys.ts";

const keys = newOwners();
const [a, b, c, d] = [newSigner(), newSigner(), newSigner(), newSigner()];
const role = (signers: readonly Signer[], threshold: number) => ({
  keys: signers.map(({ publicKey }) => publicKey),
  threshold,
});
const rolesOf = (owners: readonly Signer[], threshold: number) => ({
  ...rootOf(keys).roles,
  owner: role(owners, threshold),
});

t.test("owners sign one after the other, each on a copy of the file, until a device would take the root", async (t) => {
  const path = draftPath(t.testdir(), 2);
  const former = await newRoot(keys);
  const owners = rolesOf([a, b, c], 2);
  await writeDraft(path, await newDraft({ ...rootOf(keys), version: 2, roles: owners }, former));
  t.match(
    standingsOf(await readDraft(path)).map(({ version, threshold, signed }) => [version, threshold, signed.length]),
    [
      [1, 1, 0],
      [2, 2, 0],
    ],
  );
  const left: number[] = [];
  for (const owner of [keys.owner, a, a, c]) {
    await writeDraft(path, await signDraft(await readDraft(path), owner));
    left.push(missingSignatures(await readDraft(path)));
  }
  t.same(left, [2, 1, 1, 0], "one owner counts once, however often they sign");
  t.equal(acceptNextRoot(former, (await readDraft(path)).next.bytes).version, 2);
  t.same(readdirSync(join(path, "..")), ["2.draft.json"], "nothing is left beside it");
});

t.test(
  "copies that were signed side by side are merged, and nothing but what an owner signed is taken over",
  async (t) => {
    const former = await newRoot(keys);
    const draft = await newDraft({ ...rootOf(keys), version: 2, roles: rolesOf([a, b, c], 2) }, former);
    const [fromA, fromOwner] = [await signDraft(draft, a), await signDraft(draft, keys.owner)];
    const fromC = await signDraft(fromA, c);
    const merged = [fromA, fromOwner, fromC, fromC].reduce(mergeDrafts, draft);
    t.equal(missingSignatures(merged), 0);
    t.equal(acceptNextRoot(former, merged.next.bytes).version, 2);
    t.ok(Buffer.from(mergeDrafts(fromC, fromA).next.bytes).equals(fromC.next.bytes), "a copy with less adds nothing");

    const text = Buffer.from(fromA.next.bytes).toString();
    const bent = text.replace(/(?<="sig": "[0-9a-f]{20})./, (digit) => (digit === "0" ? "1" : "0"));
    const forged = { ...draft, next: readUnsignedRoot(Buffer.from(bent)) };
    t.equal(missingSignatures(mergeDrafts(draft, forged)), 3, "a signature that does not hold is left out");
    const stranger = await withRootSignature(draft.next.bytes, d);
    t.equal(
      mergeDrafts(draft, { ...draft, next: readUnsignedRoot(stranger) }).next.digest,
      draft.next.digest,
      "nor a stranger's",
    );
    const other = await newDraft({ ...rootOf(keys), version: 2, roles: rolesOf([a, b], 2) }, former);
    t.throws(() => mergeDrafts(draft, other), { code: "root-drafts-differ", exitCode: 6 });
  },
);

const missing: readonly { when: string; former: readonly Signer[]; next: readonly Signer[]; count: number }[] = [
  { when: "the owners stay", former: [a, b], next: [a, b], count: 2 },
  { when: "one of two is exchanged", former: [a, b], next: [a, c], count: 3 },
  { when: "all are exchanged", former: [a, b], next: [c, d], count: 4 },
];
for (const { when, former, next, count } of missing) {
  t.test(`${count} signatures are missing of 2 of 2 when ${when}`, async (t) => {
    const draft = await newDraft({ ...rootOf(keys), version: 2, roles: rolesOf(next, 2) }, undefined);
    const before = await newDraft({ ...rootOf(keys), roles: rolesOf(former, 2) }, undefined);
    t.equal(missingSignatures({ ...draft, former: before.next }), count);
  });
}

t.test("a key that is no owner's cannot sign", async (t) => {
  const draft = await newDraft(rootOf(keys), undefined);
  await t.rejects(signDraft(draft, keys.publisher), { code: "not-an-owner", exitCode: 4 });
});

t.test("a file that is no draft says so", async (t) => {
  const folder = t.testdir({ text: "hello", other: JSON.stringify({ formatVersion: 1, former: null, root: {} }) });
  await t.rejects(readDraft(join(folder, "missing")), { code: "no-draft", exitCode: 3 });
  for (const name of ["text", "other"]) await t.rejects(readDraft(join(folder, name)), { code: "bad-draft" }, name);
  const path = join(folder, "1.draft.json");
  await writeDraft(path, await newDraft(rootOf(keys), undefined));
  writeFileSync(path, readFileSync(path, "utf8").replace("ecdsa-sha2-nistp256", "ed25519"));
  await t.rejects(readDraft(path), { code: "bad-draft" }, "a key of another kind");
});
