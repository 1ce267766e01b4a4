import t from "tap";
import { canonicalize } from "@tufjs/canonical-json";
import type { Sha256 } from "../../../protocol/ids.ts";
import { sha256 } from "../../../protocol/trust/digest.ts";
import type { Signer } from "../../../protocol/trust/keys.ts";
import { acceptFirstRoot, acceptNextRoot, signRoot, type NewRoot } from "../../../protocol/trust/root.ts";
import { newOwners, newRoot, newSigner, rootOf, type Owners } from "../../support/keys.ts";

const owners = newOwners();

t.test("the first root is believed by its pinned digest", async (t) => {
  const bytes = await signRoot(rootOf(owners), [owners.owner]);
  const root = acceptFirstRoot(bytes, sha256(bytes));
  t.equal(root.version, 1);
  t.equal(root.roles.publisher.keys[0]?.fingerprint, owners.publisher.publicKey.fingerprint);
  t.equal(root.roles.director.threshold, 1);
  t.same(root.bytes, bytes, "the exact bytes are kept, so the digest can be checked again");
});

t.test("a first root with another digest is refused, and both digests are named", async (t) => {
  const bytes = await signRoot(rootOf(owners), [owners.owner]);
  const pin = "0".repeat(64) as Sha256;
  t.throws(() => acceptFirstRoot(bytes, pin), { code: "SCHEMA", message: new RegExp(`${sha256(bytes)}.*${pin}`) });
});

t.test("a first root that its own owners did not sign is refused even where the digest matches", async (t) => {
  const bytes = await signRoot(rootOf(owners), [newSigner()]);
  t.throws(() => acceptFirstRoot(bytes, sha256(bytes)), /lacks signatures/);
});

interface NextCase {
  readonly when: string;
  readonly owners?: Owners;
  readonly changes: Partial<NewRoot>;
  readonly signers: readonly Signer[];
  readonly refused?: RegExp;
}

const newOwner = newSigner();
const rotated = { ...owners, owner: newOwner };
const nextCases: readonly NextCase[] = [
  { when: "the same owners signed it", changes: { version: 2 }, signers: [owners.owner] },
  {
    when: "old and new owners signed a change of owners",
    owners: rotated,
    changes: { version: 2 },
    signers: [owners.owner, newOwner],
  },
  {
    when: "only the new owners signed a change of owners",
    owners: rotated,
    changes: { version: 2 },
    signers: [newOwner],
    refused: /version 1's owners/,
  },
  {
    when: "only the old owners signed a change of owners",
    owners: rotated,
    changes: { version: 2 },
    signers: [owners.owner],
    refused: /version 2's owners/,
  },
  { when: "a version is skipped", changes: { version: 3 }, signers: [owners.owner], refused: /version 3, expected 2/ },
  {
    when: "it is the same version again",
    changes: { version: 1 },
    signers: [owners.owner],
    refused: /version 1, expected 2/,
  },
  {
    when: "it has expired: only the last one's expiry counts, and its user asks",
    changes: { version: 2, expires: new Date(0) },
    signers: [owners.owner],
  },
  {
    when: "a director key also stands in the publisher role",
    owners: { ...owners, publisher: owners.director },
    changes: { version: 2 },
    signers: [owners.owner],
    refused: /online/,
  },
];

for (const { when, owners: nextOwners, changes, signers, refused } of nextCases) {
  t.test(`the next root is ${refused === undefined ? "accepted" : "refused"} when ${when}`, async (t) => {
    const current = await newRoot(owners);
    const bytes = await signRoot(rootOf(nextOwners ?? owners, changes), signers);
    if (refused === undefined) t.equal(acceptNextRoot(current, bytes).version, 2);
    else t.throws(() => acceptNextRoot(current, bytes), refused);
  });
}

/** The root of `owners` with its signed part edited and signed again, so that only the edit can be what is refused. */
async function editedRoot(edit: (signed: Record<string, unknown>) => void): Promise<Uint8Array> {
  const document = JSON.parse(Buffer.from(await signRoot(rootOf(owners), [owners.owner])).toString()) as {
    signed: Record<string, unknown>;
    signatures: { keyid: string; sig: string }[];
  };
  edit(document.signed);
  const sig = Buffer.from(await owners.owner.sign(Buffer.from(canonicalize(document.signed)))).toString("hex");
  document.signatures = [{ keyid: owners.owner.publicKey.id, sig }];
  return Buffer.from(JSON.stringify(document));
}

type Roles = Record<string, { keyids: string[]; threshold: number }>;
type Keys = Record<string, { keytype: string; scheme: string; keyval: { public: string } }>;

const editCases: readonly {
  readonly when: string;
  readonly edit: (signed: Record<string, unknown>) => void;
  readonly refused: RegExp;
}[] = [
  {
    when: "a threshold cannot be met",
    edit: (signed) => Object.assign((signed["roles"] as Roles)["targets"] ?? {}, { threshold: 2 }),
    refused: /needs 2 signatures and has 1 keys/,
  },
  {
    when: "a key stands under an id that is not its own",
    edit: (signed) => {
      const keys = signed["keys"] as Keys;
      const roles = signed["roles"] as Roles;
      const id = owners.publisher.publicKey.id;
      const key = keys[id];
      if (key === undefined) throw new Error("the fixture changed");
      Reflect.deleteProperty(keys, id);
      keys["f".repeat(64)] = key;
      Object.assign(roles["targets"] ?? {}, { keyids: ["f".repeat(64)] });
    },
    refused: /does not have that id/,
  },
  {
    when: "one key stands under two ids, to be counted twice",
    edit: (signed) => {
      const keys = signed["keys"] as Keys;
      const twin = {
        keytype: "ecdsa",
        scheme: "ecdsa-sha2-nistp256",
        keyval: { public: `${owners.publisher.publicKey.pem}\n` },
      };
      const twinId = sha256(canonicalize(twin));
      keys[twinId] = twin;
      Object.assign(signed["roles"] as Roles, {
        targets: { keyids: [owners.publisher.publicKey.id, twinId], threshold: 2 },
      });
    },
    refused: /names one key twice/,
  },
  {
    when: "its expiry is no date",
    edit: (signed) => Object.assign(signed, { expires: "soon" }),
    refused: /soon|expires/i,
  },
  {
    when: "a key is of another kind",
    edit: (signed) =>
      Object.assign(Object.values(signed["keys"] as Keys)[0] ?? {}, { keytype: "ed25519", scheme: "ed25519" }),
    refused: /only ecdsa/,
  },
  {
    when: "timestamp and snapshot have different keys",
    edit: (signed) =>
      Object.assign(signed["roles"] as Roles, { snapshot: { keyids: [owners.publisher.publicKey.id], threshold: 1 } }),
    refused: /timestamp and snapshot differ/,
  },
];

for (const { when, edit, refused } of editCases) {
  t.test(`a root is refused when ${when}`, async (t) => {
    const bytes = await editedRoot(edit);
    t.throws(() => acceptFirstRoot(bytes, sha256(bytes)), refused);
  });
}

t.test("a root larger than the bound is refused before it is parsed", async (t) => {
  const bytes = Buffer.alloc(70_000, " ");
  t.throws(() => acceptFirstRoot(bytes, sha256(bytes)), { code: "OVERSIZE" });
});
