import t from "tap";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, copyFileSync, writeFileSync } from "node:fs";
import { createPublicKey } from "node:crypto";
import { join } from "node:path";
import { mayPublish, maySubscribe } from "../../../controller/broker/access.ts";
import { emqxAcl, mosquittoAcl, mosquittoConfig } from "../../../controller/broker/broker-files.ts";
import { controllerPaths } from "../../../controller/config.ts";
import { createAuthorityFiles, openAuthority, type Authority } from "../../../controller/enrol/authority.ts";
import type { CallerId, DeviceId, ModelName } from "../../../protocol/ids.ts";
import { answerTopic, deviceTopics, fleetTopics } from "../../../protocol/topics.ts";
import { FLEET } from "../../support/device-views.ts";
import { connectAs, keyPem, newKey } from "../../support/enrol-world.ts";
import { mosquittoPath } from "../../support/mosquitto.ts";
import { freePorts } from "../../support/programs.ts";
import { until } from "../../support/until.ts";

const one = deviceTopics(FLEET, "cam-1" as DeviceId);
const two = deviceTopics(FLEET, "cam-2" as DeviceId);

t.test("each rule that is printed is one that the embedded broker follows", async (t) => {
  const lines = mosquittoAcl(FLEET)
    .split("\n")
    .filter((line) => line.startsWith("pattern "));
  t.ok(lines.length > 15);
  for (const line of lines) {
    const [, action = "", pattern = ""] = line.split(" ");
    const filter = pattern.replace("%u", "cam-1");
    // Levels that a rule leaves open, filled as a message fills them.
    const topic = filter
      .replaceAll(/\/x\/\+/g, "/x/0123456789abcdef")
      .replace("root/+", "root/1")
      .replaceAll("+", "any");
    if (action === "write") t.ok(mayPublish("cam-1", topic), line);
    else t.ok(maySubscribe("cam-1", topic.replace(/any$/, "+")), line);
  }
});

t.test("EMQX's rules say the same and deny the rest", async (t) => {
  const lines = emqxAcl(FLEET).trim().split("\n");
  t.equal(lines.at(-1), "{deny, all}.");
  t.equal(
    lines.length,
    mosquittoAcl(FLEET)
      .split("\n")
      .filter((line) => line !== "").length,
  );
});

const skip = mosquittoPath === undefined && "mosquitto is not installed";

t.test("Mosquitto with these files keeps a device from another's topics", { skip }, async (t) => {
  const { authority: paths } = controllerPaths(t.testdir());
  await createAuthorityFiles(paths, FLEET, Date.now());
  const authority = await openAuthority(paths);
  const folder = t.testdir();
  chmodSync(folder, 0o755);
  const at = (file: string) => join(folder, file);
  const [port = 0] = await freePorts(1);
  const server = await authority.newServer(["127.0.0.1"], Date.now());
  const revoked = await client(authority, "cam-3");
  await authority.revoke("cam-3" as DeviceId, [revoked.serial], Date.now());
  copyFileSync(paths.revocationList, at("revoked.crl.pem"));
  writeFileSync(at("ca.crt.pem"), authority.certificatePem);
  writeFileSync(at("server.crt.pem"), server.cert);
  writeFileSync(at("server.key.pem"), server.key);
  writeFileSync(at("acl"), mosquittoAcl(FLEET));
  // Started by root, Mosquitto would change to a user who may not read the key.
  writeFileSync(at("mosquitto.conf"), `${mosquittoConfig(folder, port)}user root\nlog_type none\n`);
  const child = spawn(mosquittoPath ?? "", ["-c", at("mosquitto.conf")], { stdio: "ignore" });
  t.teardown(async () => {
    const exited = once(child, "exit");
    child.kill("SIGTERM");
    await exited;
  });
  const url = `mqtts://127.0.0.1:${String(port)}`;
  const answers = answerTopic(FLEET, "app" as CallerId, "cam-1" as DeviceId);
  const [tls1, tls2, tlsApp, tlsController] = await Promise.all([
    client(authority, "cam-1"),
    client(authority, "cam-2"),
    client(authority, "app"),
    client(authority, "controller"),
  ]);
  await using controller = connectAs(url, "controller", tlsController, [fleetTopics(FLEET).upAny]);
  await using cam1 = connectAs(url, "cam-1", tls1, [one.desired, two.desired, one.predictAny]);
  // It says that it is cam-1, and is cam-2 all the same.
  await using cam2 = connectAs(url, "cam-1", tls2, [two.desired]);
  await using app = connectAs(url, "app", tlsApp, [fleetTopics(FLEET).answersTo("app" as CallerId)]);
  await using gone = connectAs(url, "cam-3", revoked);
  await until("all are connected", () => [controller, cam1, cam2, app].every((each) => each.connected()));

  await cam1.publish(two.report);
  await cam1.publish(two.desired);
  await cam1.publish(one.desired);
  await cam2.publish(one.report);
  await app.publish(one.predict("digits" as ModelName));
  await cam1.publish(answers);
  await cam1.publish(one.report);
  await cam2.publish(two.report);
  await controller.publish(two.desired);
  await controller.publish(one.desired);
  const heard = [controller, cam1, cam2, app].map((each) => each.heard);
  await until("what is allowed has arrived", () => {
    const [c = [], d1 = [], d2 = [], a = []] = heard.map((read) => read());
    return c.length >= 2 && d1.length >= 2 && d2.length >= 1 && a.length >= 1;
  });
  t.same([...controller.heard()].sort(), [one.report, two.report]);
  t.same(cam1.heard(), [one.predict("digits" as ModelName), one.desired]);
  t.same(cam2.heard(), [two.desired]);
  t.same(app.heard(), [answers]);
  t.notOk(gone.connected(), "a revoked certificate is on the list");
});

async function client(authority: Authority, name: string) {
  const key = newKey();
  const issued = await authority.issueClient(name as DeviceId, createPublicKey(key), Date.now());
  return { ca: authority.certificatePem, cert: issued.pem, key: keyPem(key), serial: issued.serial };
}
