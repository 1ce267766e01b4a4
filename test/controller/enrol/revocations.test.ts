/** What a revocation is worth when the database that knew the certificates is gone. */
import t from "tap";
import { createPublicKey, X509Certificate } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { enrol, renew } from "../../../agent/enrol/enrol.ts";
import { readCallers, recordCaller } from "../../../controller/enrol/callers.ts";
import { createAuthorityFiles, issuedTo, openAuthority, type Authority } from "../../../controller/enrol/authority.ts";
import { controllerPaths } from "../../../controller/config.ts";
import { parseJoinToken } from "../../../protocol/enrol/join-token.ts";
import type { CallerId, DeviceId } from "../../../protocol/ids.ts";
import { FLEET } from "../../support/device-views.ts";
import { connectAs, keyPem, newKey, openEnrolWorld, type EnrolWorld } from "../../support/enrol-world.ts";
import { until } from "../../support/until.ts";

const CAM = "cam-1" as DeviceId;

async function enrolled(world: EnrolWorld) {
  const key = newKey();
  const { certificate, ca } = await enrol(parseJoinToken(await world.token(CAM)), key);
  return { key, certificate, tls: { ca, cert: certificate, key: keyPem(key) } };
}

/** As if the controller had begun a new database: nothing is known of anybody. */
async function loseDatabase({ store }: EnrolWorld): Promise<void> {
  for (const table of ["certificates", "join_tokens", "reports", "devices"] as const) {
    await store.deleteFrom(table).execute();
  }
}

t.test("after a lost database a device is revoked by its name", async (t) => {
  const world = await openEnrolWorld(t);
  const stolen = await enrolled(world);
  await loseDatabase(world);
  await using connection = connectAs(world.network.brokerUrl, CAM, stolen.tls);
  await until("nobody knows its serial: it is connected", connection.connected);
  await t.rejects(world.enrolments.revoke(CAM, { evenUnknown: false }), { code: "not-found", hint: /--force/ });
  t.equal(await world.enrolments.revoke(CAM, { evenUnknown: true }), 0);
  await until("it is cut off", () => connection.lost() === 1);
  await using again = connectAs(world.network.brokerUrl, CAM, stolen.tls);
  const { url, ca } = parseJoinToken(await world.token("any"));
  const renewing = renew({ endpoint: { url, ca }, device: CAM, key: stolen.key, certificate: stolen.certificate });
  await t.rejects(renewing, { code: "certificate-revoked" });
  t.notOk(again.connected());

  await t.test("and what takes its place is let in, within the same second", async () => {
    const next = await enrolled(world);
    await using fresh = connectAs(world.network.brokerUrl, CAM, next.tls);
    await until("it is connected", fresh.connected);
  });

  await t.test("also when the controller has started again", async (t) => {
    const reopened = await openAuthority(world.paths.authority);
    t.ok(isRevoked(reopened, stolen.certificate));
    t.notOk(isRevoked(reopened, (await enrolled(world)).certificate));
  });
});

t.test("a device that a lost database meets again is known, and revoked without more ado", async (t) => {
  const world = await openEnrolWorld(t);
  const device = await enrolled(world);
  await loseDatabase(world);
  world.aheadMs = 60_000;
  await enrolled(world);
  t.equal(await world.enrolments.revoke(CAM, { evenUnknown: false }), 1);
  t.ok(isRevoked(await openAuthority(world.paths.authority), device.certificate));
});

t.test("a revocation of one name says nothing about another", async (t) => {
  const { authority } = await newAuthority(t.testdir());
  const nowMs = Date.UTC(2026, 0, 1, 12, 0, 0, 900);
  const issue = async (name: string, atMs: number) =>
    (await authority.issueClient(name as DeviceId, createPublicKey(newKey()), atMs)).pem;
  const [one, other] = [await issue("cam-1", nowMs - 1), await issue("cam-2", nowMs - 1)];
  await authority.revoke(CAM, [], nowMs);
  t.ok(isRevoked(authority, one));
  t.notOk(isRevoked(authority, other));
  t.notOk(
    isRevoked(authority, await issue("cam-1", nowMs)),
    "what is issued after it serves, in that very millisecond",
  );
  t.notOk(isRevoked(authority, await issue("cam-1", nowMs - 86_400_000)), "also by a clock that went back");
});

t.test("a list that an older controller wrote is read, and one that is damaged stops the controller", async (t) => {
  const { paths } = await newAuthority(t.testdir());
  writeFileSync(paths.revocations, `${JSON.stringify({ revoked: [{ serial: "ab12", atMs: 5 }] })}\n`);
  const authority = await openAuthority(paths);
  t.ok(authority.isRevoked({ name: "cam-1", serial: "ab12", issuedMs: 1 }));
  await authority.revoke(CAM, ["cd34"], 10_500);
  t.match(JSON.parse(readFileSync(paths.revocations, "utf8")), {
    revoked: [{ serial: "ab12" }, { serial: "cd34" }],
    names: [{ name: "cam-1", untilMs: 10_000 }],
  });
  writeFileSync(paths.revocations, "{");
  await t.rejects(openAuthority(paths), { code: "ca-unusable" });
});

t.test("the names of applications are kept beside the CA", async (t) => {
  const { paths } = await newAuthority(t.testdir());
  t.notOk(existsSync(paths.callers));
  t.same([...(await readCallers(paths))], []);
  for (const name of ["line-app", "shop", "line-app"]) await recordCaller(paths, name as CallerId);
  t.same([...(await readCallers(paths))], ["line-app", "shop"]);
  writeFileSync(paths.callers, "[]");
  await t.rejects(readCallers(paths), { code: "ca-unusable" });
});

async function newAuthority(home: string) {
  const { authority: paths } = controllerPaths(home);
  await createAuthorityFiles(paths, FLEET, Date.now());
  return { paths, authority: await openAuthority(paths) };
}

function isRevoked(authority: Authority, pem: string): boolean {
  const issued = issuedTo(new X509Certificate(pem));
  if (issued === undefined) throw new Error("it names somebody");
  return authority.isRevoked(issued);
}
