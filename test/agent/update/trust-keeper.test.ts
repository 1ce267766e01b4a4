import { join } from "node:path";
import t, { type Test } from "tap";
import { openLog } from "../../../common/log.ts";
import type { DeviceId, FleetId } from "../../../protocol/ids.ts";
import { DOCUMENT_BYTES_MAX } from "../../../protocol/limits.ts";
import { signDeployment, type Deployment } from "../../../protocol/trust/deployment.ts";
import type { Signer } from "../../../protocol/trust/keys.ts";
import { signRoot } from "../../../protocol/trust/root.ts";
import { openStateDatabase } from "../../../agent/store/state-database.ts";
import { openTrustKeeper, type TrustKeeper } from "../../../agent/update/trust-keeper.ts";
import { FRESH_MS_MAX } from "../../../agent/update/trusted-time.ts";
import { newOwners, newRoot, newSigner, rootOf } from "../../support/keys.ts";

const log = openLog("test", "silent");
const fleet = "demo" as FleetId;
const device = "one" as DeviceId;
const owners = newOwners();
const root = await newRoot(owners);
const DAY_MS = 86_400_000;
const NOW = Date.now();

/** A device whose clocks the test turns; its system clock stands in 1970. */
function open(t: Test, name = "state.db") {
  const clock = { bootMs: 50_000 };
  const state = openStateDatabase(join(t.testdirName, name), log);
  t.teardown(() => {
    state[Symbol.dispose]();
  });
  const ports = { store: state, fleet, device, bootMs: () => clock.bootMs, systemNowMs: () => 0 };
  const first = { rootBytes: () => root.bytes, pin: root.digest };
  return { clock, state, keeper: openTrustKeeper(ports, first), reopen: () => openTrustKeeper(ports, first) };
}

async function document(changes: Partial<Deployment> = {}, director: Signer = owners.director): Promise<Buffer> {
  const deployment: Deployment = {
    v: 1,
    fleet,
    device,
    seq: 1,
    rootVersion: 1,
    issued: new Date(NOW).toISOString(),
    expires: new Date(NOW + DAY_MS).toISOString(),
    slots: [],
    ...changes,
  };
  return Buffer.from(JSON.stringify(await signDeployment(deployment, director)));
}

const answer = async (keeper: TrustKeeper, changes: Partial<Deployment> = {}, director?: Signer) =>
  keeper.judge(await document({ nonce: keeper.challenge(), ...changes }, director));

t.test("a device with a clock in 1970 is unfresh until its nonce is answered, then knows the time", async (t) => {
  t.testdir();
  const { clock, keeper } = open(t);
  t.match(keeper.judge(await document()), { kind: "refused", refusal: { code: "deployment-unfresh" } });
  t.equal(keeper.mayInstall(), false);
  t.match(keeper.refusal(), { code: "deployment-unfresh" });
  t.match(await answer(keeper), { kind: "accepted", isAnswer: true });
  t.equal(keeper.mayInstall(), true);
  t.equal(keeper.refusal(), undefined);
  clock.bootMs += 3_000;
  t.equal(keeper.nowMs(), NOW + 3_000);
});

t.test("an accepted deployment expires, and with it the leave to install", async (t) => {
  t.testdir();
  const { clock, keeper } = open(t);
  await answer(keeper, { expires: new Date(NOW + 60_000).toISOString() });
  clock.bootMs += 60_000;
  t.equal(keeper.isFresh(), true);
  t.equal(keeper.mayInstall(), false);
});

t.test("answers kept back for long make the device unfresh again", async (t) => {
  t.testdir();
  const { clock, keeper } = open(t);
  await answer(keeper);
  clock.bootMs += FRESH_MS_MAX + 1;
  t.equal(keeper.isFresh(), false);
  t.equal(keeper.mayInstall(), false);
});

t.test("a nonce is good for one answer", async (t) => {
  t.testdir();
  const { clock, keeper } = open(t);
  const nonce = keeper.challenge();
  t.match(keeper.judge(await document({ nonce })), { isAnswer: true });
  clock.bootMs += 1_000;
  t.match(keeper.judge(await document({ nonce })), { kind: "accepted", isAnswer: false });
});

t.test("what was accepted is remembered over a restart, freshness is not", async (t) => {
  t.testdir();
  const { keeper, reopen } = open(t);
  await answer(keeper, { seq: 9 });
  const again = reopen();
  t.equal(again.seq(), 9);
  t.equal(again.isFresh(), false);
  t.match(await answer(again, { seq: 8 }), { kind: "refused", refusal: { code: "deployment-rollback" } });
});

t.test("a rotated director: the former one is refused, the number and the time start again", async (t) => {
  t.testdir();
  const { state, keeper, reopen } = open(t);
  // The stolen key signs the far future, in number and time.
  const future = new Date(NOW + 900 * DAY_MS);
  const far = {
    seq: 2 ** 50,
    issued: future.toISOString(),
    expires: new Date(future.getTime() + DAY_MS).toISOString(),
  };
  await answer(keeper, far);
  const rotated = { ...owners, director: newSigner() };
  const next = await signRoot(rootOf(rotated, { version: 2 }), [owners.owner]);
  t.strictSame(keeper.learnRoot(2, next), { accepted: [2], refusal: undefined });
  t.equal(keeper.isFresh(), false, "what the former director said of the time counts no more");
  t.match(await answer(keeper, far), { kind: "refused", refusal: { code: "deployment-signature" } });
  t.match(await answer(keeper, { seq: 1, rootVersion: 2 }, rotated.director), { kind: "accepted" });
  t.equal(state.trust()?.seq, 1);
  t.equal(reopen().root().version, 2, "the root is remembered");
});

t.test("a deployment of a root that was withheld is refused until the root comes", async (t) => {
  t.testdir();
  const { keeper } = open(t);
  t.match(await answer(keeper, { rootVersion: 2 }), { refusal: { code: "deployment-root-unknown" } });
  keeper.learnRoot(2, await signRoot(rootOf(owners, { version: 2 }), [owners.owner]));
  t.match(await answer(keeper, { rootVersion: 2 }), { kind: "accepted" });
});

t.test("a root larger than any may be is refused and said", async (t) => {
  t.testdir();
  const { keeper } = open(t);
  const large = Buffer.alloc(DOCUMENT_BYTES_MAX + 1, " ");
  t.match(keeper.learnRoot(2, large), { accepted: [], refusal: { code: "root-refused", message: /65537 bytes/ } });
  t.match(keeper.refusal(), { code: "root-refused" });
});

t.test("a root by strangers is refused and said, and does not stand in the way of the right one", async (t) => {
  t.testdir();
  const { keeper } = open(t);
  const foreign = await signRoot(rootOf(newOwners(), { version: 2 }), [newSigner()]);
  t.match(keeper.learnRoot(2, foreign), { accepted: [], refusal: { code: "root-refused" } });
  t.match(keeper.refusal(), { code: "root-refused" });
  t.match(keeper.learnRoot(2, await signRoot(rootOf(owners, { version: 2 }), [owners.owner])), { accepted: [2] });
  t.equal(keeper.refusal(), undefined);
});

t.test("an expired root is an alarm even where no deployment comes", async (t) => {
  t.testdir();
  const { clock, keeper } = open(t);
  await answer(keeper);
  clock.bootMs += 400 * DAY_MS;
  t.match(keeper.refusal(), { code: "root-expired" });
});
