/** Devices that ask to join without a token, and whoever else does. */
import t, { type Test } from "tap";
import { readFileSync } from "node:fs";
import { X509Certificate } from "node:crypto";
import { join as joinPath } from "node:path";
import { join, type JoinListener } from "../../../agent/cli/join.ts";
import type { JoinOptions } from "../../../agent/cli/join-options.ts";
import { agentFolder, readAgentConfig } from "../../../agent/config.ts";
import { readKeyFile } from "../../../common/key-file.ts";
import { createRequest } from "../../../common/x509.ts";
import { recordCaller } from "../../../controller/enrol/callers.ts";
import { DECISION_KEPT_MS, SILENT_MS_MAX } from "../../../controller/enrol/pending-devices.ts";
import {
  judgeAsking,
  WAITING_MAX,
  WAITING_PER_DEVICE_MAX,
  WAITING_PER_NETWORK_MAX,
  type AskingFacts,
} from "../../../controller/enrol/policy.ts";
import { askEndpoint } from "../../../agent/enrol/enrol-connection.ts";
import { enrol } from "../../../agent/enrol/enrol.ts";
import { ENROL_ASK_PATH } from "../../../protocol/enrol/enrol-messages.ts";
import { parseJoinToken } from "../../../protocol/enrol/join-token.ts";
import type { CallerId, DeviceId, FleetId } from "../../../protocol/ids.ts";
import { publicKeyFrom } from "../../../protocol/trust/keys.ts";
import { FLEET } from "../../support/device-views.ts";
import { connectAs, newKey, openEnrolWorld, type EnrolWorld } from "../../support/enrol-world.ts";
import { until } from "../../support/until.ts";

const CAM = "cam-1" as DeviceId;
const HERE = "10.0.0.7";

interface Asker {
  readonly fingerprint: string;
  readonly ask: (changes?: { device?: DeviceId; fleet?: FleetId; from?: string }) => Promise<string>;
}

/** Somebody with a key of their own; `ask` resolves to "waits", or to the certificate. */
function asker(world: EnrolWorld): Asker {
  const key = newKey();
  return {
    fingerprint: publicKeyFrom(key).fingerprint,
    ask: async ({ device = CAM, fleet, from = HERE } = {}) => {
      const csr = await createRequest(key, "whoever");
      const asked = await world.enrolments.ask({ device, csr, ...(fleet === undefined ? {} : { fleet }) }, from);
      return asked.kind === "waits" ? "waits" : asked.enrolled.certificate;
    },
  };
}

function approve(world: EnrolWorld, { fingerprint }: Asker, replace = false): Promise<void> {
  return world.enrolments.approve({ device: CAM, fingerprint, replace });
}

t.test("a device without a token waits, and has joined as soon as an operator approves its key", async (t) => {
  const world = await openEnrolWorld(t);
  const { options, listener, waiting } = joining(t, world);
  const joined = join(undefined, options, listener);
  const { device, fleet, fingerprint } = await waiting;
  t.match({ device, fleet }, { device: "cam-1", fleet: FLEET }, "the fleet's name comes from the controller");
  t.match(await world.enrolments.pending(), [{ device: "cam-1", fingerprint, knownAs: "nobody" }]);
  await world.enrolments.approve({ device, fingerprint, replace: false });
  t.match(await joined, { device: "cam-1", fleet: FLEET, keyFingerprint: fingerprint });
  const folder = agentFolder(options.dir);
  const config = await readAgentConfig(folder);
  t.match(config, { broker: /^mqtts:/, enrol: { url: world.url }, fleet: FLEET });
  const certificate = new X509Certificate(readFileSync(folder.certificate));
  t.equal(certificate.subject, "CN=cam-1");
  t.ok(certificate.checkPrivateKey(await readKeyFile(folder.key)));
  const text = (path: string) => readFileSync(path, "utf8");
  const tls = { ca: text(folder.authority), cert: text(folder.certificate), key: text(folder.key) };
  await using connection = connectAs(config.broker, "cam-1", tls);
  await until("it is connected", connection.connected);
  t.same(await world.enrolments.pending(), []);
});

t.test("a device that was told no ends with that, and is not asked again with the same key", async (t) => {
  const world = await openEnrolWorld(t);
  const { options, listener, waiting } = joining(t, world);
  const joined = t.rejects(join(undefined, options, listener), { code: "approval-rejected", exitCode: 4 });
  const { device, fingerprint } = await waiting;
  await world.enrolments.reject({ device, fingerprint });
  await joined;
  await t.rejects(join(undefined, options, listener), { code: "approval-rejected" });
  t.same(await world.enrolments.pending(), []);
  world.aheadMs = DECISION_KEPT_MS + 1_000;
  const other = asker(world);
  t.equal(await other.ask(), "waits");
});

t.test("the approval is for one key: whoever else asks under the name stays outside", async (t) => {
  const world = await openEnrolWorld(t);
  const [device, stranger] = [asker(world), asker(world)];
  for (const { ask } of [stranger, device]) t.equal(await ask(), "waits");
  await approve(world, device);
  t.equal(await stranger.ask(), "waits", "the other key goes on waiting");
  const certificate = new X509Certificate(await device.ask());
  t.equal(publicKeyFrom(certificate.publicKey).fingerprint, device.fingerprint);
  await t.rejects(approve(world, stranger), { code: "device-exists", exitCode: 6, hint: /--replace/ });
  t.match(await world.enrolments.pending(), [{ fingerprint: stranger.fingerprint, knownAs: "another" }]);
});

t.test("an approval cannot be taken for another name, another fleet, or a key that does not wait", async (t) => {
  const world = await openEnrolWorld(t);
  const device = asker(world);
  await device.ask();
  await t.rejects(
    world.enrolments.approve({ device: "cam-2" as DeviceId, fingerprint: device.fingerprint, replace: false }),
    { code: "not-found" },
  );
  await t.rejects(approve(world, asker(world)), { code: "not-found", exitCode: 3 });
  await t.rejects(device.ask({ fleet: "other" as FleetId }), { code: "wrong-fleet" });
  await approve(world, device);
  t.equal(await device.ask({ device: "cam-2" as DeviceId }), "waits", "the same key under another name asks anew");
  await t.rejects(approve(world, device), { code: "not-found" }, "twice is once too often");
});

t.test("a request that its key did not sign is nobody's, and leaves nothing", async (t) => {
  const world = await openEnrolWorld(t);
  const csr = (await createRequest(newKey(), "cam-1")).replace(/.(?=\n-----END)/, (last) => (last === "A" ? "B" : "A"));
  await t.rejects(world.enrolments.ask({ device: CAM, csr: "no request" }, HERE), { code: "csr-invalid" });
  await t.rejects(world.enrolments.ask({ device: CAM, csr: csr.slice(0, -60) }, HERE), { code: "csr-invalid" });
  t.same(await world.enrolments.pending(), []);
});

t.test("a device in the place of another takes the name only where the operator says so", async (t) => {
  const world = await openEnrolWorld(t);
  const former = newKey();
  const { certificate } = await enrol(parseJoinToken(await world.token("cam-1")), former);
  const next = asker(world);
  await next.ask();
  await t.rejects(approve(world, next), { code: "device-exists" });
  await approve(world, next, true);
  t.not(await next.ask(), "waits");
  const csr = await createRequest(former, "cam-1");
  await t.rejects(world.enrolments.renew({ certificate, csr }), { code: "certificate-revoked" });
});

t.test("an answer that was lost is given again, and no second certificate", async (t) => {
  const world = await openEnrolWorld(t);
  const device = asker(world);
  await device.ask();
  await approve(world, device);
  const given = await Promise.all([device.ask(), device.ask(), device.ask()]);
  t.equal(new Set([...given, await device.ask()]).size, 1);
  t.equal((await world.store.selectFrom("certificates").select("serial").execute()).length, 1);
});

t.test("a revocation takes an approval back that nobody has used yet", async (t) => {
  const world = await openEnrolWorld(t);
  const device = asker(world);
  await device.ask();
  await approve(world, device);
  await world.enrolments.revoke(CAM, { evenUnknown: false });
  t.equal(await device.ask(), "waits");
});

t.test("a token for another machine ends an approval that was given before", async (t) => {
  const world = await openEnrolWorld(t);
  const device = asker(world);
  await device.ask();
  await approve(world, device);
  await device.ask();
  await enrol(parseJoinToken(await world.token("cam-1")), newKey());
  t.equal(await device.ask(), "waits", "the former machine does not get its name back by asking");
});

t.test("what cannot be written into the audit log does not happen", async (t) => {
  const world = await openEnrolWorld(t);
  const { enrolments, store } = world;
  const device = asker(world);
  await device.ask();
  const noRecord = () => Promise.reject(new Error("disk"));
  const { fingerprint } = device;
  await t.rejects(enrolments.approve({ device: CAM, fingerprint, replace: false }, noRecord), /disk/);
  await t.rejects(enrolments.reject({ device: CAM, fingerprint }, noRecord), /disk/);
  t.equal(await device.ask(), "waits");
  await t.rejects(enrolments.invite(CAM, 60_000, noRecord), /disk/);
  t.same(await store.selectFrom("join_tokens").selectAll().execute(), []);
  await enrol(parseJoinToken(await world.token("cam-1")), newKey());
  await t.rejects(enrolments.allowRenewal(CAM, noRecord), /disk/);
  t.same(await store.selectFrom("renewal_permits").selectAll().execute(), []);
  await t.rejects(enrolments.revoke(CAM, { evenUnknown: false }, noRecord), /disk/);
  await t.rejects(enrolments.allowRenewal(CAM), { code: "not-found" }, "a revocation holds whatever fails after it");
});

t.test("names of the controller and of applications are not to be had", async (t) => {
  const world = await openEnrolWorld(t);
  await recordCaller(world.paths.authority, "line-app" as CallerId);
  for (const device of ["controller", "line-app"] as DeviceId[]) {
    await t.rejects(asker(world).ask({ device }), { code: "name-reserved" }, device);
  }
  await t.rejects(world.token("line-app"), { code: "name-taken", exitCode: 6 }, "nor with a token");
});

t.test("a flood from one network leaves room for the others, and what is silent makes room", async (t) => {
  const world = await openEnrolWorld(t);
  const flood = Array.from({ length: WAITING_PER_NETWORK_MAX + 3 }, (_, at) =>
    asker(world)
      .ask({ device: `fake-${at}` as DeviceId })
      .catch((thrown: unknown) => (thrown as { code: string }).code),
  );
  const outcomes = await Promise.all(flood);
  t.equal(outcomes.filter((outcome) => outcome === "waits").length, WAITING_PER_NETWORK_MAX);
  t.equal(outcomes.filter((outcome) => outcome === "too-many-waiting").length, 3);
  const honest = asker(world);
  t.equal(await honest.ask({ from: "10.0.0.8" }), "waits");
  for (let at = 1; at < WAITING_PER_DEVICE_MAX; at += 1) await asker(world).ask({ from: `10.0.1.${at}` });
  await t.rejects(asker(world).ask({ from: "10.0.2.1" }), { code: "too-many-waiting" }, "under one name");
  world.aheadMs = SILENT_MS_MAX - 1_000;
  t.equal(await honest.ask({ from: "10.0.0.8" }), "waits");
  world.aheadMs = SILENT_MS_MAX + 60_000;
  t.match(await world.enrolments.pending(), [{ device: CAM, fingerprint: honest.fingerprint }]);
});

t.test("what is full goes on answering: a site whose devices find no room is not shut out for asking", async (t) => {
  const world = await openEnrolWorld(t);
  for (let at = 0; at < WAITING_PER_DEVICE_MAX; at += 1) await asker(world).ask({ from: `10.0.0.${at}` });
  const endpoint = { url: world.url, ca: world.authority.keyDigest };
  const body = { device: CAM, csr: await createRequest(newKey(), "x") };
  for (let at = 0; at < 40; at += 1) {
    await t.rejects(askEndpoint(endpoint, "POST", ENROL_ASK_PATH, body), { code: "too-many-waiting", exitCode: 5 });
  }
});

const facts: AskingFacts = {
  isOpen: true,
  fleet: FLEET,
  askedFleet: undefined,
  isReserved: false,
  isKeyProven: true,
  known: undefined,
  waiting: { all: 0, ofNetwork: 0, ofDevice: 0 },
};
const none = facts.waiting;
const verdicts: readonly { when: string; changes: Partial<AskingFacts>; then: object }[] = [
  { when: "there is room", changes: {}, then: { kind: "waits", isNew: true } },
  { when: "it waits already", changes: { known: "waiting" }, then: { kind: "waits", isNew: false } },
  { when: "its key was approved", changes: { known: "approved" }, then: { kind: "granted" } },
  { when: "its key was rejected", changes: { known: "rejected" }, then: { code: "approval-rejected" } },
  { when: "nobody may ask here", changes: { isOpen: false, known: "approved" }, then: { code: "approval-closed" } },
  { when: "its key is not proven", changes: { isKeyProven: false, known: "approved" }, then: { code: "csr-invalid" } },
  { when: "it is full", changes: { waiting: { ...none, all: WAITING_MAX } }, then: { code: "too-many-waiting" } },
  {
    when: "it is full and it waits already",
    changes: { known: "waiting", waiting: { ...none, all: WAITING_MAX } },
    then: { kind: "waits" },
  },
];
for (const { when, changes, then } of verdicts) {
  t.test(`who asks is judged when ${when}`, async (t) => t.match(judgeAsking({ ...facts, ...changes }), then));
}

function joining(t: Test, world: EnrolWorld) {
  const { promise: waiting, resolve: onWaiting } = Promise.withResolvers<Parameters<JoinListener["onWaiting"]>[0]>();
  const options: JoinOptions = {
    controller: world.url,
    caPin: world.authority.keyDigest,
    rootPin: world.rootPin,
    id: "cam-1",
    label: [],
    dir: joinPath(t.testdir(), "agent"),
    httpPort: 0,
    httpHost: "127.0.0.1",
  };
  return { options, listener: { onWaiting, onTrouble: () => undefined }, waiting };
}
