import t from "tap";
import type { Sha256 } from "../../../protocol/ids.ts";
import { signRoot } from "../../../protocol/trust/root.ts";
import { walkRoots } from "../../../agent/update/root-walk.ts";
import { newOwners, newRoot, newSigner, rootOf } from "../../support/keys.ts";

const owners = newOwners();
const rotated = { ...owners, director: newSigner() };
const trust = { root: await newRoot(owners), seq: 9, contentDigest: "1".repeat(64) as Sha256, timeFloorMs: 4_000 };
const second = await signRoot(rootOf(owners, { version: 2 }), [owners.owner]);
const third = await signRoot(rootOf(rotated, { version: 3 }), [owners.owner]);
const foreign = await signRoot(rootOf(newOwners(), { version: 2 }), [newSigner()]);

t.test("roots that follow are applied one by one, in whatever order they came", async (t) => {
  const walk = walkRoots(
    trust,
    new Map([
      [3, third],
      [2, second],
    ]),
  );
  t.strictSame(walk.accepted, [2, 3]);
  t.equal(walk.trust.root.version, 3);
  t.equal(walk.refusal, undefined);
});

t.test("a root that leaves the director alone keeps what is known of its deployments", async (t) => {
  const walk = walkRoots(trust, new Map([[2, second]]));
  t.match(walk.trust, { seq: 9, timeFloorMs: 4_000 });
});

t.test("another director starts again: what a stolen key signed for the far future is forgotten", async (t) => {
  const walk = walkRoots(
    trust,
    new Map([
      [2, second],
      [3, third],
    ]),
  );
  t.match(walk.trust, { seq: 0, contentDigest: null, timeFloorMs: 0 });
});

t.test("a gap ends the walk without a refusal: the missing root may still come", async (t) => {
  t.match(walkRoots(trust, new Map([[3, third]])), { accepted: [], refusal: undefined });
});

t.test("a root of other owners is refused, and nothing changes", async (t) => {
  const walk = walkRoots(trust, new Map([[2, foreign]]));
  t.match(walk, { accepted: [], refusal: { code: "root-refused" } });
  t.equal(walk.trust, trust);
});
