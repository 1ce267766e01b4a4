import t, { type Test } from "tap";
import { join } from "node:path";
import { systemClock } from "../../../common/clock.ts";
import { FerryError } from "../../../common/ferry-error.ts";
import { openLog } from "../../../common/log.ts";
import { deploymentOf, SEQUENCE_MAX, storeDeployment } from "../../../controller/fleet/deployments.ts";
import { openDirector } from "../../../controller/fleet/director.ts";
import { ensureDevice, recordInfo } from "../../../controller/fleet/inventory.ts";
import { acceptReport } from "../../../controller/fleet/reports.ts";
import { registerBundle } from "../../../controller/store/catalogue.ts";
import { openStore } from "../../../controller/store/store.ts";
import type { DeviceId, Sha256 } from "../../../protocol/ids.ts";
import { deploymentIn, DEPLOYMENT_TYPE, type Deployment } from "../../../protocol/trust/deployment.ts";
import { countSigningKeys, parseEnvelope } from "../../../protocol/trust/dsse.ts";
import type { Signer } from "../../../protocol/trust/keys.ts";
import { signReport, type Report } from "../../../protocol/trust/report.ts";
import {
  FLEET,
  INFO,
  modelJson,
  NOW_MS,
  reportOf,
  serving,
  SESSION,
  slotFor,
  statement,
} from "../../support/device-views.ts";
import { newOwners, newRoot, newSigner } from "../../support/keys.ts";
import { until } from "../../support/until.ts";

const cam = "cam-1" as DeviceId;
const NONCE = "abcdefghijklmnopqrstuv";
const hello = (seq: number, nonce = NONCE) => ({ session: SESSION, nonce, rootVersion: 1, seq });

interface Published {
  readonly topic: string;
  readonly payload: string;
  readonly retain: boolean;
}

async function withDirector(t: Test) {
  await using resources = new AsyncDisposableStack();
  const { store } = resources.use(await openStore(join(t.testdir(), "controller.db")));
  const owners = newOwners();
  const published: Published[] = [];
  const state = { isOffline: false, directorSince: 1 };
  const root = await newRoot(owners);
  const trust = { roots: [root], first: root, newest: root, director: owners.director, directorSince: 1 };
  const signing = { fails: false };
  const director: Signer = {
    ...owners.director,
    sign: (bytes) =>
      signing.fails
        ? Promise.reject(new FerryError("signer-failed", "the token is locked"))
        : owners.director.sign(bytes),
  };
  const opened = resources.use(
    openDirector({
      store,
      fleet: FLEET,
      trust: () => ({ ...trust, director, directorSince: state.directorSince }),
      publish: (topic, payload, { retain = false }) => {
        if (state.isOffline) return Promise.reject(new FerryError("offline", "no connection"));
        published.push({ topic, payload: Buffer.from(payload).toString(), retain });
        return Promise.resolve();
      },
      // A signer that failed is asked again without waiting.
      clock: { ...systemClock, sleep: (ms, signal) => systemClock.sleep(Math.min(ms, 20), signal) },
      log: openLog("test", "silent"),
    }),
  );
  const device = newSigner();
  await ensureDevice(store, cam, NOW_MS);
  await recordInfo(store, cam, { ...INFO, publicKey: device.publicKey.pem }, NOW_MS);
  const all = resources.move();
  return {
    store,
    director: opened,
    signing,
    published,
    state,
    /** The newest deployment that was published, its signature checked. */
    newest: (): Deployment | undefined => {
      const last = published.filter(({ topic }) => topic.endsWith("/dn/desired")).at(-1);
      if (last === undefined) return undefined;
      const envelope = parseEnvelope(Buffer.from(last.payload));
      t.equal(envelope.payloadType, DEPLOYMENT_TYPE);
      t.equal(countSigningKeys(envelope, [owners.director.publicKey]), 1);
      t.equal(last.retain, true);
      return deploymentIn(envelope);
    },
    report: async (report: Report) =>
      acceptReport(store, FLEET, cam, Buffer.from(JSON.stringify(await signReport(report, device))), NOW_MS),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

t.test("a device without a deployment gets sequence 1 with no slots, its nonce, and some days", async (t) => {
  await using fleet = await withDirector(t);
  await fleet.director.answer(cam, hello(0));
  const deployment = await until("the answer is published", fleet.newest);
  t.match(deployment, { fleet: FLEET, device: cam, seq: 1, rootVersion: 1, nonce: NONCE, slots: [] });
  const days = (Date.parse(deployment.expires) - Date.parse(deployment.issued)) / 86_400_000;
  t.equal(days, 7);
});

t.test("a second hello is answered with the same sequence and the new nonce", async (t) => {
  await using fleet = await withDirector(t);
  await fleet.director.answer(cam, hello(0));
  await until("the first answer is published", fleet.newest);
  await fleet.director.answer(cam, hello(1, "another-nonce-of-22-ch"));
  const second = await until(
    "the second is",
    () => fleet.newest()?.nonce === "another-nonce-of-22-ch" && fleet.newest(),
  );
  t.equal(second.seq, 1);
});

t.test("a device that is ahead is never emptied: it waits for its report, then keeps what it runs", async (t) => {
  await using fleet = await withDirector(t);
  const { archive } = slotFor("a", "1.0.0");
  await registerBundle(fleet.store, {
    statement: statement("a"),
    model: modelJson("1.0.0"),
    archive,
    pushedMs: NOW_MS,
  });
  await fleet.director.answer(cam, hello(7));
  t.equal(await deploymentOf(fleet.store, cam), undefined, "nothing is made up");

  await fleet.report(reportOf(cam, { seq: 7, slots: [serving("a", "1.0.0")] }));
  await fleet.director.recover(cam);
  const deployment = await until("it is answered", fleet.newest);
  t.match(deployment, { seq: 8, nonce: NONCE, slots: [{ slot: "digits", statement: statement("a") }] });
});

t.test("a deployment is not issued at all while the catalogue lacks what the device runs", async (t) => {
  await using fleet = await withDirector(t);
  await fleet.report(reportOf(cam, { seq: 7, slots: [serving("f", "9.0.0")] }));
  await fleet.director.recover(cam);
  await fleet.director.answer(cam, hello(7));
  t.equal(await deploymentOf(fleet.store, cam), undefined);
  const held = await fleet.store.selectFrom("events").selectAll().where("kind", "=", "deployment-held").execute();
  t.match(held, [{ device: cam, text: /push that bundle again/ }]);
});

t.test("after each connect every deployment and root is published, whatever was lost meanwhile", async (t) => {
  await using fleet = await withDirector(t);
  fleet.state.isOffline = true;
  await storeDeployment(fleet.store, { device: cam, seq: 3, slots: [slotFor("a", "1.0.0")] }, NOW_MS);
  fleet.director.publish([cam]);
  fleet.state.isOffline = false;
  await fleet.director.publishAll();
  const deployment = await until("it is published", fleet.newest);
  t.match(deployment, { seq: 3, slots: [{ archive: { sha256: "a".repeat(64) as Sha256 } }] });
  t.ok(fleet.published.some(({ topic, retain }) => topic.endsWith("/trust/root/1") && retain));
});

t.test("the sequence of a device never goes backwards", async (t) => {
  await using fleet = await withDirector(t);
  await storeDeployment(fleet.store, { device: cam, seq: 3, slots: [] }, NOW_MS);
  await t.rejects(storeDeployment(fleet.store, { device: cam, seq: 3, slots: [] }, NOW_MS), /would not ascend/);
});

t.test("a signer that is away loses nothing: it is said once, and asked again", async (t) => {
  await using fleet = await withDirector(t);
  fleet.signing.fails = true;
  await fleet.director.answer(cam, hello(0));
  await until("it is said", () => fleet.director.problem()?.includes("the token is locked") === true);
  fleet.signing.fails = false;
  t.match(await until("the answer comes after all", fleet.newest), { seq: 1, nonce: NONCE });
  await until("the problem is over", () => fleet.director.problem() === undefined);
  const told = await fleet.store
    .selectFrom("events")
    .selectAll()
    .where("kind", "=", "director-signer-failed")
    .execute();
  t.equal(told.length, 1);
});

t.test("what a former director signed does not count: the device forgets it with the next root", async (t) => {
  await using fleet = await withDirector(t);
  fleet.state.directorSince = 2;
  await storeDeployment(fleet.store, { device: cam, seq: 3, slots: [slotFor("a", "1.0.0")] }, NOW_MS);
  await fleet.director.answer(cam, hello(9_000));
  await fleet.report(reportOf(cam, { seq: 9_000, slots: [] }));
  await fleet.director.recover(cam);
  t.match(await until("it is answered with its wish", fleet.newest), { seq: 3, slots: [{ slot: "digits" }] });
});

t.test("sequences that a former director sent to the far future begin again; the others stay", async (t) => {
  await using fleet = await withDirector(t);
  const far = SEQUENCE_MAX + 1;
  await storeDeployment(fleet.store, { device: cam, seq: far, slots: [] }, NOW_MS);
  await fleet.director.publishAll();
  t.equal((await deploymentOf(fleet.store, cam))?.seq, far, "under the same director they must ascend");
  fleet.state.directorSince = 2;
  await fleet.director.publishAll();
  t.equal((await deploymentOf(fleet.store, cam))?.seq, 1);
  await storeDeployment(fleet.store, { device: cam, seq: 12, slots: [] }, NOW_MS);
  await fleet.director.publishAll();
  t.equal((await deploymentOf(fleet.store, cam))?.seq, 12);
});
