import { existsSync, readFileSync, statSync } from "node:fs";
import { join as path } from "node:path";
import t, { type Test } from "tap";
import { systemClock } from "../../../common/clock.ts";
import { openLog } from "../../../common/log.ts";
import { openMqttLink } from "../../../common/mqtt-link.ts";
import { CONTROLLER_CLIENT } from "../../../controller/broker/access.ts";
import { openEmbeddedBroker } from "../../../controller/broker/embedded-broker.ts";
import type { FleetId } from "../../../protocol/ids.ts";
import { fleetTopics } from "../../../protocol/topics.ts";
import { hasJoined, join } from "../../../agent/cli/join.ts";
import { agentFolder } from "../../../agent/config.ts";
import { deviceIdFrom, type JoinOptions } from "../../../agent/cli/join-options.ts";
import { newOwners, newRoot } from "../../support/keys.ts";
import { freePorts, runProgram } from "../../support/programs.ts";

const log = openLog("test", "silent");
const fleet = "demo" as FleetId;
const root = await newRoot(newOwners());

/** A broker that holds this fleet's root, as a controller leaves it there. */
async function openBroker(t: Test, rootBytes: Uint8Array | undefined = root.bytes): Promise<string> {
  const broker = await openEmbeddedBroker({ host: "127.0.0.1", port: 0, log });
  const connected = Promise.withResolvers<unknown>();
  const link = openMqttLink({
    url: broker.url,
    clientId: CONTROLLER_CLIENT,
    keepAliveSeconds: 60,
    subscriptions: new Map(),
    onConnect: connected.resolve,
    onMessage: () => undefined,
    clock: systemClock,
    log,
  });
  await connected.promise;
  await link.publish(fleetTopics(fleet).root(1), rootBytes, { qos: 1, retain: true });
  t.teardown(async () => {
    await link[Symbol.asyncDispose]();
    await broker[Symbol.asyncDispose]();
  });
  return broker.url;
}

function options(t: Test, changes: Partial<JoinOptions> = {}): JoinOptions {
  const dir = path(t.testdir(), "agent");
  return {
    fleet,
    rootPin: root.digest,
    id: "one",
    label: [],
    dir,
    httpPort: 0,
    httpHost: "127.0.0.1",
    ...changes,
  };
}

t.test("a device that joins has a key that only it can read, the pinned root, and its configuration", async (t) => {
  const given = options(t, { label: ["site=oslo", "line=2"] });
  const broker = await openBroker(t);
  const joined = await join(broker, given);
  t.match(joined, { fleet, device: "one", rootDigest: root.digest, keyFingerprint: /^[0-9a-f]{64}$/ });
  t.equal(statSync(path(given.dir, "device.key.pem")).mode & 0o777, 0o600);
  t.ok(Buffer.from(root.bytes).equals(readFileSync(path(given.dir, "root.1.json"))));
  t.match(JSON.parse(readFileSync(path(given.dir, "agent.json"), "utf8")), {
    broker,
    labels: { site: "oslo", line: "2" },
    rootPin: root.digest,
  });
});

t.test("joining twice needs --force, and keeps the key by which the controller knows the device", async (t) => {
  const given = options(t);
  const broker = await openBroker(t);
  const first = await join(broker, given);
  await t.rejects(join(broker, given), { code: "already-joined", exitCode: 6, hint: /--force/ });
  const again = await join(broker, { ...given, force: true, label: ["site=bergen"] });
  t.equal(again.keyFingerprint, first.keyFingerprint);
  t.equal(await hasJoined(agentFolder(given.dir)), true);
  t.equal(await hasJoined(agentFolder(path(given.dir, "nobody"))), false);
  t.match(JSON.parse(readFileSync(path(given.dir, "agent.json"), "utf8")), { labels: { site: "bergen" } });
});

t.test("another root than the pinned one: both digests are named, nothing is written", async (t) => {
  const given = options(t);
  const other = await newRoot(newOwners());
  const broker = await openBroker(t, other.bytes);
  await t.rejects(join(broker, given), {
    code: "root-pin-mismatch",
    message: new RegExp(`${other.digest}.*${root.digest}`),
    hint: /Nothing was written/,
  });
  t.notOk(existsSync(given.dir));
});

t.test("no root of that fleet", { timeout: 30_000 }, async (t) => {
  const given = options(t, { fleet: "elsewhere" });
  await t.rejects(join(await openBroker(t), given), { code: "no-root", exitCode: 3, hint: /ferry up/ });
  t.notOk(existsSync(given.dir));
});

t.test("no broker there", { timeout: 30_000 }, async (t) => {
  const [port = 0] = await freePorts(1);
  const given = options(t);
  await t.rejects(join(`mqtt://127.0.0.1:${String(port)}`, given), {
    code: "broker-unreachable",
    exitCode: 5,
    hint: /ferry up/,
  });
  t.notOk(existsSync(given.dir));
});

const mistakes: readonly { what: string; broker?: string; given: Partial<JoinOptions>; code: string }[] = [
  { what: "an id with capitals", given: { id: "Cam_1" }, code: "bad-id" },
  { what: "an id that is too long", given: { id: "a".repeat(64) }, code: "bad-id" },
  { what: "the controller's own id", given: { id: "controller" }, code: "bad-id" },
  { what: "a fleet that is a topic", given: { fleet: "a/b" }, code: "bad-id" },
  { what: "a pin that is cut off", given: { rootPin: "abc" }, code: "bad-root-pin" },
  { what: "a label without a value", given: { label: ["site"] }, code: "bad-label" },
  { what: "a label with a blank", given: { label: ["site=os lo"] }, code: "bad-label" },
  { what: "a web address", broker: "http://host:1883", given: {}, code: "bad-broker" },
  { what: "a host without a scheme", broker: "host", given: {}, code: "bad-broker" },
];
for (const { what, broker = "mqtt://127.0.0.1:1", given, code } of mistakes) {
  t.test(`${what} is refused before anything is done`, async (t) => {
    await t.rejects(join(broker, options(t, given)), { code, exitCode: 2 });
  });
}

for (const broker of ["mqtt://192.168.1.10:1883", "mqtts://127.0.0.1:8883"]) {
  t.test(`${broker} is not joined without a token`, async (t) => {
    await t.rejects(join(broker, options(t)), { code: "not-loopback", exitCode: 4, hint: /ferry device invite/ });
  });
}

t.test("a device's name comes from its host name, as far as an id can hold it", async (t) => {
  t.equal(deviceIdFrom("Camera_7.factory.example.org"), "camera-7");
  t.equal(deviceIdFrom("--x--"), "x");
});

t.test("the command line explains what is wrong, and suggests what was meant", async (t) => {
  const [typo, missing, notJoined] = await Promise.all([
    runProgram("ferry-agent", ["statsu"]),
    runProgram("ferry-agent", ["join", "mqtt://127.0.0.1:1"]),
    runProgram("ferry-agent", ["run", "--dir", path(t.testdir(), "nowhere")]),
  ]);
  t.match(typo, { code: 2, stderr: /Did you mean status\?/ });
  t.match(missing, { code: 2, stderr: /--root-pin/ });
  t.match(notJoined, { code: 3, stderr: /has not joined a fleet[\s\S]*hint:[\s\S]*ferry-agent join/ });
});

t.test("a device that other machines may ask gets a token, unless a person says that it needs none", async (t) => {
  const broker = await openBroker(t);
  const open = options(t, { httpHost: "0.0.0.0" });
  t.equal((await join(broker, open)).asksForToken, true);
  const token = readFileSync(path(open.dir, "http.token"), "utf8");
  t.equal((await join(broker, { ...open, force: true })).asksForToken, true);
  t.equal(readFileSync(path(open.dir, "http.token"), "utf8"), token, "joining again keeps it");
  const unprotected = { ...open, dir: path(open.dir, "other"), httpUnprotected: true };
  t.equal((await join(broker, unprotected)).asksForToken, false);
  t.match(JSON.parse(readFileSync(path(unprotected.dir, "agent.json"), "utf8")), { http: { unprotected: true } });
});
