/** The timer that keeps a running agent's certificate young, on virtual time, against a real enrolment endpoint. */
import t, { type Test } from "tap";
import { X509Certificate, type KeyObject } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join as joinPath } from "node:path";
import { agentFolder, checkAgentConfig } from "../../../agent/config.ts";
import { openCredentials } from "../../../agent/enrol/credentials.ts";
import { enrol } from "../../../agent/enrol/enrol.ts";
import { openLog } from "../../../common/log.ts";
import { CERTIFICATE_LIFETIME_MS, RENEWAL_GRACE_MS } from "../../../protocol/enrol/lifetime.ts";
import { parseJoinToken } from "../../../protocol/enrol/join-token.ts";
import type { DeviceId } from "../../../protocol/ids.ts";
import { FLEET } from "../../support/device-views.ts";
import { connectAs, keyPem, newKey, openEnrolWorld, type EnrolWorld } from "../../support/enrol-world.ts";
import { until } from "../../support/until.ts";
import { virtualClock } from "../../support/virtual-clock.ts";

const DAY_MS = 24 * 3_600_000;
const HOUR_MS = 3_600_000;
/** TLS itself looks at the system's clock: what is renewed after two thirds of a life is then valid at this moment. */
const JOINED_BEFORE_MS = (CERTIFICATE_LIFETIME_MS * 2) / 3 + HOUR_MS;
const CAM = "cam-1" as DeviceId;

/** A folder as `ferry-agent join` left it some time ago, and credentials on a clock of their own; the controller's goes along. */
async function openDevice(t: Test, world: EnrolWorld, changes: { readonly key?: KeyObject } = {}) {
  const nowMs = Date.now();
  const startMs = nowMs - JOINED_BEFORE_MS;
  world.aheadMs = -JOINED_BEFORE_MS;
  const key = newKey();
  const token = parseJoinToken(await world.token(CAM));
  const { certificate, ca, broker } = await enrol(token, key);
  const folder = agentFolder(joinPath(t.testdir(), "agent"));
  mkdirSync(folder.directory);
  writeFileSync(folder.certificate, certificate);
  writeFileSync(folder.authority, ca);
  const config = checkAgentConfig({
    formatVersion: 1,
    broker,
    fleet: FLEET,
    device: CAM,
    rootPin: world.rootPin,
    enrol: { url: token.url },
    labels: {},
    http: { host: "127.0.0.1", port: 0 },
    heartbeatMs: 30_000,
    keepAliveSeconds: 60,
  });
  const clock = virtualClock(startMs);
  const log = openLog("test", "silent");
  const warnings = t.capture(log, "warn");
  let warned = 0;
  const open = () => openCredentials({ folder, config, key: changes.key ?? key, clock, random: () => 0, log });
  return {
    key,
    folder,
    open,
    certificate,
    /** How often it said that it could not renew. */
    failures: () => {
      warned += warnings().length;
      return warned;
    },
    /** Both clocks. */
    advance: async (ms: number) => {
      world.aheadMs = clock.nowMs() + ms - nowMs;
      await clock.advance(ms);
    },
  };
}

/** Runs the timer until the test ends. */
function running(t: Test, credentials: ReturnType<typeof openCredentials>) {
  if (credentials === undefined) throw new Error("with TLS there are credentials");
  const stopping = new AbortController();
  const run = credentials.run(stopping.signal);
  t.teardown(async () => {
    stopping.abort();
    await run;
  });
  return credentials;
}

t.test("a certificate is renewed at two thirds of its life, and not before", async (t) => {
  const world = await openEnrolWorld(t);
  const device = await openDevice(t, world);
  const credentials = running(t, device.open());
  await device.advance((CERTIFICATE_LIFETIME_MS * 2) / 3 - HOUR_MS);
  t.equal(credentials.tls().cert, device.certificate);
  await device.advance(2 * HOUR_MS);
  await until("it is renewed", () => credentials.tls().cert !== device.certificate);
  const next = new X509Certificate(credentials.tls().cert);
  t.ok(next.checkPrivateKey(device.key), "for the same key");
  t.ok(next.validToDate.getTime() > new X509Certificate(device.certificate).validToDate.getTime() + 59 * DAY_MS);
  t.equal(readFileSync(device.folder.certificate, "utf8"), credentials.tls().cert, "and is on disk for the next start");
  const tls = { ...credentials.tls(), key: keyPem(device.key) };
  await using connection = connectAs(world.network.brokerUrl, CAM, tls);
  await until("the broker takes it", connection.connected);

  await t.test("and that one again", async () => {
    const second = credentials.tls().cert;
    await device.advance((CERTIFICATE_LIFETIME_MS * 2) / 3 + HOUR_MS);
    await until("it is renewed", () => credentials.tls().cert !== second);
  });
});

t.test("a device that was switched off beyond the end renews with its key as the proof, for 30 days", async (t) => {
  const world = await openEnrolWorld(t);
  const device = await openDevice(t, world);
  await device.advance(CERTIFICATE_LIFETIME_MS + RENEWAL_GRACE_MS - HOUR_MS);
  const credentials = running(t, device.open());
  await until("it is renewed at once", () => credentials.tls().cert !== device.certificate);
});

t.test("a refusal is tried again later, and comes through when an operator allows it", async (t) => {
  const world = await openEnrolWorld(t);
  const device = await openDevice(t, world);
  await device.advance(CERTIFICATE_LIFETIME_MS + RENEWAL_GRACE_MS + DAY_MS);
  const credentials = running(t, device.open());
  await until("it was refused once", () => device.failures() === 1);
  await world.enrolments.allowRenewal(CAM);
  t.equal(credentials.tls().cert, device.certificate);
  await until("it asks again and is let in", async () => {
    await device.advance(60_000);
    return credentials.tls().cert !== device.certificate;
  });
  t.equal(device.failures(), 1, "it waited before it asked again");
});

t.test("a key that is not the certificate's is noticed before anything is said", async (t) => {
  const world = await openEnrolWorld(t);
  const device = await openDevice(t, world, { key: newKey() });
  t.throws(device.open, { code: "certificate-unusable", hint: /--force/ });
});
