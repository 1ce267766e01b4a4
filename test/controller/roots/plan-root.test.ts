import t from "tap";
import {
  requireSound,
  ROLE_KEYS_MAX,
  successorOf,
  withExchangedKey,
  withKey,
  withoutKey,
} from "../../../controller/roots/plan-root.ts";
import type { NewRoot } from "../../../protocol/trust/root.ts";
import { newOwners, newRoot, newSigner, rootOf } from "../../support/keys.ts";

const owners = newOwners();
const [second, third] = [newSigner().publicKey, newSigner().publicKey];
const root = rootOf(owners);
const { owner, publisher, director } = root.roles;
const NOW_MS = Date.now();

t.test("the next root keeps the roles, and has the next number", async (t) => {
  const expires = new Date(NOW_MS + 1);
  const next = successorOf(await newRoot(owners), expires);
  t.match(next, { version: 2, expires });
  t.equal(next.roles.publisher.keys[0]?.fingerprint, owners.publisher.publicKey.fingerprint);
});

t.test("keys come, go and are exchanged; the other roles stay as they are", async (t) => {
  const two = withKey(root, "publisher", second, 2);
  t.match(two.roles.publisher, { threshold: 2, keys: { length: 2 } });
  t.equal(two.roles.owner, owner);
  const one = withoutKey(two, "publisher", owners.publisher.publicKey, 1);
  t.same(one.roles.publisher.keys, [second]);
  const exchanged = withExchangedKey(one, "publisher", { former: second, next: third });
  t.same(exchanged.roles.publisher, { keys: [third], threshold: 1 });
  t.doesNotThrow(() => {
    requireSound(exchanged, NOW_MS);
  });
});

const changes: readonly { what: string; change: () => unknown; code: string }[] = [
  {
    what: "a key that is there already",
    change: () => withKey(root, "owner", owners.owner.publicKey),
    code: "root-duplicate-key",
  },
  {
    what: "the removal of a key that is not there",
    change: () => withoutKey(root, "owner", second),
    code: "root-no-such-key",
  },
  {
    what: "the removal of the last key",
    change: () => withoutKey(root, "owner", owners.owner.publicKey),
    code: "root-last-key",
  },
  {
    what: "the exchange of a key that is not there",
    change: () => withExchangedKey(root, "owner", { former: second, next: third }),
    code: "root-no-such-key",
  },
  {
    what: "the exchange for a key that is there already",
    change: () => withExchangedKey(root, "owner", { former: owners.owner.publicKey, next: owners.owner.publicKey }),
    code: "root-duplicate-key",
  },
];
for (const { what, change, code } of changes) {
  t.test(`${what} is refused`, async (t) => t.throws(change, { code }));
}

const roles = (changed: Partial<NewRoot["roles"]>): NewRoot => ({ ...root, roles: { ...root.roles, ...changed } });
const many = Array.from({ length: ROLE_KEYS_MAX + 1 }, () => newSigner().publicKey);
const unsound: readonly { what: string; root: NewRoot; code: string; message?: RegExp }[] = [
  { what: "an expiry that has passed", root: { ...root, expires: new Date(NOW_MS) }, code: "root-expired" },
  { what: "more signatures than keys", root: roles({ owner: { ...owner, threshold: 2 } }), code: "root-threshold" },
  { what: "no signature at all", root: roles({ publisher: { ...publisher, threshold: 0 } }), code: "root-threshold" },
  { what: "half a signature", root: roles({ publisher: { ...publisher, threshold: 0.5 } }), code: "root-threshold" },
  { what: "a role without keys", root: roles({ publisher: { keys: [], threshold: 1 } }), code: "root-threshold" },
  {
    what: "two signatures of a director, which has one key",
    root: roles({ director: { keys: [...director.keys, second], threshold: 2 } }),
    code: "root-threshold",
    message: /the controller has one key/,
  },
  {
    what: "one key twice",
    root: roles({ owner: { keys: [...owner.keys, ...owner.keys], threshold: 2 } }),
    code: "root-duplicate-key",
  },
  { what: "too many keys", root: roles({ owner: { keys: many, threshold: 1 } }), code: "root-too-many-keys" },
  { what: "the director's key as an owner", root: roles({ owner: director }), code: "root-online-key" },
  { what: "the director's key as a publisher", root: roles({ publisher: director }), code: "root-online-key" },
];
for (const { what, root: wrong, code, message } of unsound) {
  t.test(`a root with ${what} is refused before anybody signs it`, async (t) => {
    t.throws(
      () => {
        requireSound(wrong, NOW_MS);
      },
      { code, ...(message === undefined ? {} : { message }) },
    );
  });
}
