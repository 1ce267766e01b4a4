import t, { type Test } from "tap";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";
import { join as joinPath } from "node:path";
import { join } from "../../../agent/cli/join.ts";
import type { JoinOptions } from "../../../agent/cli/join-options.ts";
import { agentFolder, readAgentConfig } from "../../../agent/config.ts";
import { enrol, fetchRoot, renew } from "../../../agent/enrol/enrol.ts";
import { createRequest } from "../../../common/x509.ts";
import { createAuthorityFiles, issuedTo, openAuthority } from "../../../controller/enrol/authority.ts";
import { CERTIFICATE_LIFETIME_MS, RENEWAL_GRACE_MS } from "../../../protocol/enrol/lifetime.ts";
import { formatJoinToken, parseJoinToken } from "../../../protocol/enrol/join-token.ts";
import type { DeviceId, FleetId, Sha256 } from "../../../protocol/ids.ts";
import { deviceTopics } from "../../../protocol/topics.ts";
import { FLEET } from "../../support/device-views.ts";
import { connectAs, keyPem, newKey, openEnrolWorld, type EnrolWorld } from "../../support/enrol-world.ts";
import { until } from "../../support/until.ts";

const DAY_MS = 24 * 3_600_000;

function options(t: Test, world: EnrolWorld, changes: Partial<JoinOptions> = {}): JoinOptions {
  return {
    rootPin: world.rootPin,
    label: [],
    dir: joinPath(t.testdir(), "agent"),
    httpPort: 0,
    httpHost: "127.0.0.1",
    ...changes,
  };
}

/** What a device gets that asks without the agent's own caution. */
async function enrolled(world: EnrolWorld, device: string) {
  const key = newKey();
  const { certificate, ca } = await enrol(parseJoinToken(await world.token(device)), key);
  return { key, certificate, tls: { ca, cert: certificate, key: keyPem(key) } };
}

t.test("a device joins with a token: it has a certificate for its own key, and connects with it", async (t) => {
  const world = await openEnrolWorld(t);
  const given = options(t, world);
  const joined = await join(await world.token("cam-1"), given);
  t.equal(joined.device, "cam-1");
  const folder = agentFolder(given.dir);
  const config = await readAgentConfig(folder);
  t.match(config, { broker: /^mqtts:\/\/127\.0\.0\.1:\d+$/, enrol: { url: /^https:/ }, device: "cam-1" });
  t.equal(statSync(folder.key).mode & 0o777, 0o600);
  const certificate = new X509Certificate(readFileSync(folder.certificate));
  t.equal(certificate.subject, "CN=cam-1");
  t.same(certificate.keyUsage, ["1.3.6.1.5.5.7.3.2"]);
  const lifetimeMs = certificate.validToDate.getTime() - Date.now();
  t.ok(Math.abs(lifetimeMs - CERTIFICATE_LIFETIME_MS) < 60_000);
  const tls = {
    ca: readFileSync(folder.authority, "utf8"),
    cert: readFileSync(folder.certificate, "utf8"),
    key: readFileSync(folder.key, "utf8"),
  };
  await using connection = connectAs(config.broker, "cam-1", tls);
  await until("it is connected", connection.connected);
  const row = await world.store.selectFrom("devices").select("public_key").executeTakeFirstOrThrow();
  t.ok(createPublicKey(row.public_key ?? "").equals(certificate.publicKey), "its reports are believed under that key");
});

t.test("a token serves once", async (t) => {
  const world = await openEnrolWorld(t);
  const token = parseJoinToken(await world.token("cam-1"));
  const outcomes = await Promise.allSettled([1, 2, 3].map(() => enrol(token, newKey())));
  t.equal(outcomes.filter(({ status }) => status === "fulfilled").length, 1, "also when three ask at the same time");
  await t.rejects(enrol(token, newKey()), { code: "token-used" });
});

t.test(
  "a used token serves the key that used it again: its device may have lost power before it kept the answer",
  async (t) => {
    const world = await openEnrolWorld(t);
    const token = parseJoinToken(await world.token("cam-1"));
    const key = newKey();
    await enrol(token, key);
    t.ok(await enrol(token, key));
    await t.rejects(enrol(token, newKey()), { code: "token-used" }, "nobody else's key");
    await world.enrolments.revoke("cam-1" as DeviceId, { evenUnknown: false });
    await t.rejects(enrol(token, key), { code: "token-unknown" }, "nor a device that was revoked");
  },
);

t.test("only the digest of a token's secret is stored", async (t) => {
  const world = await openEnrolWorld(t);
  const { secret } = parseJoinToken(await world.token("cam-1"));
  t.notOk(JSON.stringify(await world.store.selectFrom("join_tokens").selectAll().execute()).includes(secret));
});

t.test("tokens that do not serve say why", async (t) => {
  const world = await openEnrolWorld(t);
  const token = parseJoinToken(await world.token("cam-1"));
  await t.rejects(enrol({ ...token, fleet: "other" as FleetId }, newKey()), { code: "wrong-fleet" });
  await t.rejects(enrol({ ...token, secret: "A".repeat(43) }, newKey()), { code: "token-unknown" });
  world.aheadMs = 60_001;
  await t.rejects(enrol(token, newKey()), { code: "token-expired" });
});

t.test("the subject of a request means nothing: the certificate names the device of the token", async (t) => {
  const world = await openEnrolWorld(t);
  for (const subject of ["controller", "cam-2", "+", "#", "a/b", "cam-1, CN=controller"]) {
    const token = parseJoinToken(await world.token("cam-1"));
    const { certificate } = await world.enrolments.join({
      fleet: FLEET,
      secret: token.secret,
      csr: await createRequest(newKey(), subject),
    });
    t.equal(new X509Certificate(certificate).subject, "CN=cam-1", subject);
  }
});

t.test("a request that its key did not sign is refused, and the token still serves", async (t) => {
  const world = await openEnrolWorld(t);
  const token = parseJoinToken(await world.token("cam-1"));
  const csr = await createRequest(newKey(), "cam-1");
  const lines = csr.trim().split("\n");
  const last = lines.at(-2) ?? "";
  lines[lines.length - 2] = (last.startsWith("A") ? "B" : "A") + last.slice(1);
  for (const bad of [lines.join("\n"), "no request", csr.replaceAll("REQUEST", "THING").slice(40)]) {
    await t.rejects(world.enrolments.join({ fleet: FLEET, secret: token.secret, csr: bad }), { code: "csr-invalid" });
  }
  t.ok(await enrol(token, newKey()));
});

t.test("an endpoint under another CA is told nothing, and nothing is written", async (t) => {
  const world = await openEnrolWorld(t);
  const token = parseJoinToken(await world.token("cam-1"));
  const elsewhere = formatJoinToken({ ...token, ca: "0".repeat(64) as Sha256 });
  const given = options(t, world);
  await t.rejects(join(elsewhere, given), { code: "enrol-impostor", hint: /Nothing was sent/ });
  t.notOk(existsSync(given.dir));
  t.ok(await enrol(token, newKey()), "the token was not spent");
});

t.test("a root that is not the pinned one is refused before the token is spent", async (t) => {
  const world = await openEnrolWorld(t);
  const token = await world.token("cam-1");
  await t.rejects(join(token, options(t, world, { rootPin: "0".repeat(64) })), { code: "root-pin-mismatch" });
  t.ok(await join(token, options(t, world)));
});

t.test("a token that is cut short, or for another device, is a usage error", async (t) => {
  const world = await openEnrolWorld(t);
  const token = await world.token("cam-1");
  await t.rejects(join(token.slice(0, -9), options(t, world)), { code: "bad-token" });
  await t.rejects(join(token, options(t, world, { id: "cam-2" })), { code: "bad-token", message: /cam-1/ });
});

t.test("on the broker", async (t) => {
  const world = await openEnrolWorld(t);
  const { brokerUrl } = world.network;
  const one = await enrolled(world, "cam-1");
  const two = await enrolled(world, "cam-2");

  await t.test("a client id other than the certificate's name is refused", async (t) => {
    await using stranger = connectAs(brokerUrl, "cam-2", one.tls);
    await using controller = connectAs(brokerUrl, "controller", one.tls);
    await using honest = connectAs(brokerUrl, "cam-1", one.tls);
    await until("the honest one is connected", honest.connected);
    t.notOk(stranger.connected());
    t.notOk(controller.connected());
  });

  await t.test("a certificate of another CA, or none, gets no connection", async (t) => {
    const paths = { ...world.paths.authority };
    for (const name of ["key", "certificate", "revocations", "revocationList"] as const)
      paths[name] = joinPath(t.testdir(), name);
    await createAuthorityFiles(paths, FLEET, Date.now());
    const foreign = await openAuthority(paths);
    const key = newKey();
    const { pem } = await foreign.issueClient("cam-1" as DeviceId, createPublicKey(key), Date.now());
    await using stranger = connectAs(brokerUrl, "cam-1", { ca: one.tls.ca, cert: pem, key: keyPem(key) });
    await using honest = connectAs(brokerUrl, "cam-1", one.tls);
    await until("the honest one is connected", honest.connected);
    t.notOk(stranger.connected());
  });

  await t.test("a name that stands for more than one level is nobody", async (t) => {
    for (const name of ["+", "#", "a/b", "cam-1 "]) {
      const key = newKey();
      const { pem } = await world.authority.issueClient(name as DeviceId, createPublicKey(key), Date.now());
      await using stranger = connectAs(brokerUrl, name, { ca: one.tls.ca, cert: pem, key: keyPem(key) });
      await using honest = connectAs(brokerUrl, "cam-1", one.tls);
      await until("the honest one is connected", honest.connected);
      t.notOk(stranger.connected(), name);
    }
  });

  await t.test("a device's own certificate does not make it a broker", async (t) => {
    const { url, ca } = parseJoinToken(await world.token("cam-9"));
    t.ok(await fetchRoot({ url, ca }), "the true endpoint is believed");
    t.equal(new X509Certificate(one.certificate).checkIP("127.0.0.1"), undefined);
  });

  await t.test("a revocation ends the open connection, and no other begins", async (t) => {
    await using revoked = connectAs(brokerUrl, "cam-1", one.tls);
    await using other = connectAs(brokerUrl, "cam-2", two.tls);
    await until("both are connected", () => revoked.connected() && other.connected());
    const startedMs = performance.now();
    t.equal(await world.enrolments.revoke("cam-1" as DeviceId, { evenUnknown: false }), 1);
    await until("it is cut off", () => revoked.lost() === 1);
    t.ok(performance.now() - startedMs < 1_000, "at once");
    await using again = connectAs(brokerUrl, "cam-1", one.tls);
    await other.publish(deviceTopics(FLEET, "cam-2" as DeviceId).want);
    t.notOk(again.connected());
    t.equal(other.lost(), 0);
    t.ok((await openAuthority(world.paths.authority)).isRevoked(issuedOf(one.certificate)), "also after a restart");
    await t.rejects(renewing(world, one), { code: "certificate-revoked" });
  });
});

t.test("renewal", async (t) => {
  const world = await openEnrolWorld(t);
  const device = await enrolled(world, "cam-1");

  await t.test("gives the same key a new certificate", async (t) => {
    const { certificate } = await renewing(world, device);
    t.not(serialOf(certificate), serialOf(device.certificate));
    t.ok(new X509Certificate(certificate).checkPrivateKey(device.key));
  });

  await t.test("with another key than the certificate's is refused", async (t) => {
    const csr = await createRequest(newKey(), "cam-1");
    await t.rejects(world.enrolments.renew({ certificate: device.certificate, csr }), { code: "wrong-key" });
  });

  await t.test("with a certificate of another CA is refused", async (t) => {
    const csr = await createRequest(device.key, "cam-1");
    const own = readFileSync(world.paths.authority.certificate, "utf8");
    await t.rejects(world.enrolments.renew({ certificate: own, csr }), { code: "certificate-unknown" });
  });

  await t.test("is granted for 30 days after the end, and then only when an operator allows it", async (t) => {
    world.aheadMs = CERTIFICATE_LIFETIME_MS + RENEWAL_GRACE_MS - DAY_MS;
    t.ok(await renewing(world, device));
    world.aheadMs = CERTIFICATE_LIFETIME_MS + RENEWAL_GRACE_MS + DAY_MS;
    await t.rejects(renewing(world, device), { code: "certificate-too-old" });
    await world.enrolments.allowRenewal("cam-1" as DeviceId);
    t.ok(await renewing(world, device));
    await t.rejects(renewing(world, device), { code: "certificate-too-old" }, "once");
    world.aheadMs = 0;
  });
});

t.test("a device that joins again with another key takes its former certificates away", async (t) => {
  const world = await openEnrolWorld(t);
  const before = await enrolled(world, "cam-1");
  const after = await enrolled(world, "cam-1");
  await t.rejects(renewing(world, before), { code: "certificate-revoked" });
  t.ok(await renewing(world, after));
});

t.test("a damaged list of revocations stops the controller instead of letting everybody in", async (t) => {
  const world = await openEnrolWorld(t);
  await enrolled(world, "cam-1");
  await world.enrolments.revoke("cam-1" as DeviceId, { evenUnknown: false });
  writeFileSync(world.paths.authority.revocations, "{");
  await t.rejects(openAuthority(world.paths.authority), { code: "ca-unusable" });
});

t.test("nobody but the controller gets a certificate of the controller's name", async (t) => {
  const world = await openEnrolWorld(t);
  await t.rejects(world.token("controller"), { code: "usage" });
  const key = newKey();
  const { pem } = await world.authority.issueClient("controller" as DeviceId, createPublicKey(key), Date.now());
  await t.rejects(renewing(world, { key, certificate: pem }), { code: "certificate-unknown" });
});

t.test("a server's certificate is not renewed into a device's", async (t) => {
  const world = await openEnrolWorld(t);
  const server = await world.authority.newServer(["localhost"], Date.now());
  const csr = await createRequest(createPrivateKey(server.key), "localhost");
  await t.rejects(world.enrolments.renew({ certificate: server.cert, csr }), { code: "certificate-unknown" });
});

t.test("revoking what has no certificate says so", async (t) => {
  const world = await openEnrolWorld(t);
  await t.rejects(world.enrolments.revoke("cam-1" as DeviceId, { evenUnknown: false }), { code: "not-found" });
  await t.rejects(world.enrolments.allowRenewal("cam-1" as DeviceId), { code: "not-found" });
});

async function renewing(
  world: EnrolWorld,
  { key, certificate }: { key: ReturnType<typeof newKey>; certificate: string },
) {
  const { url, ca } = parseJoinToken(await world.token("any"));
  return renew({ endpoint: { url, ca }, device: "cam-1" as DeviceId, key, certificate });
}

function issuedOf(pem: string) {
  const issued = issuedTo(new X509Certificate(pem));
  if (issued === undefined) throw new Error("it names somebody");
  return issued;
}

function serialOf(pem: string): string {
  return new X509Certificate(pem).serialNumber.toLowerCase();
}
