/** A controller whose director key is behind a command, as in an HSM: it signs, fails, and signs again. */
import t from "tap";
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readKeyFile } from "../../common/key-file.ts";
import { createClient } from "../../controller/http/client.ts";
import { readLocalToken } from "../../controller/operators/local-operator.ts";
import type { FleetId } from "../../protocol/ids.ts";
import { publicKeyFrom } from "../../protocol/trust/keys.ts";
import { openHandDevice } from "../support/hand-device.ts";
import { runFerry } from "../support/ferry-commands.ts";
import { freePorts, runProgram, startProgram } from "../support/programs.ts";
import { until } from "../support/until.ts";

t.test("a director behind a command signs deployments; while it is away they wait", { timeout: 90_000 }, async (t) => {
  const folder = t.testdir();
  const home = join(folder, "home");
  const env = { FERRY_HOME: home };
  t.equal((await runFerry(["init", "--fleet", "oslo"], env)).code, 0);
  const [key, publicKey, script] = ["token.key.pem", "director.pub.pem", "sign"].map((name) => join(folder, name));
  if (key === undefined || publicKey === undefined || script === undefined) throw new Error("there are three names");
  renameSync(join(home, "controller", "director.key.pem"), key);
  writeFileSync(publicKey, publicKeyFrom(await readKeyFile(key)).pem);
  const signs = `test "$SIGN_PURPOSE" = deployment && exec openssl dgst -sha256 -sign ${key}\n`;
  writeFileSync(script, signs);

  const [http = 0, mqtt = 0] = await freePorts(2);
  const ports = ["--http-port", String(http), "--mqtt-port", String(mqtt), "--insecure-loopback"];
  const signer = ["--director-signer-cmd", `sh ${script}`, "--director-public-key", publicKey];
  const half = await runProgram("ferry", ["up", ...ports, ...signer.slice(0, 2)], env);
  t.match(half, { code: 2, stderr: /belong together/ });
  const none = await runProgram("ferry", ["up", ...ports], env);
  t.match(none, { code: 3, stderr: /no private key/ });
  await using program = startProgram("ferry", ["up", ...ports, ...signer], { env });
  await until("it is up", () => program.output().includes(`http://127.0.0.1:${String(http)}`));

  const client = createClient(`http://127.0.0.1:${String(http)}`, {
    token: readLocalToken(join(home, "operator.token")),
  });
  await using device = await openHandDevice(`mqtt://127.0.0.1:${String(mqtt)}`, "oslo" as FleetId, "cam-1");
  await device.say("online");
  await device.introduce();
  const nonce = await device.hello(0);
  await until("the hello is answered", () => device.desired()?.nonce === nonce);

  writeFileSync(script, "echo 'the token is away' >&2; exit 9\n");
  const second = await device.hello(1);
  const problem = await until("the status says so", async () => {
    const { status, problems } = await client.getStatus({});
    return status === "degraded" && problems[0];
  });
  t.match(problem, /cannot be signed: .*exit code 9.*the token is away/);
  writeFileSync(script, signs);
  await until("the second hello is answered after all", () => device.desired()?.nonce === second);
  await until("and the problem is over", async () => (await client.getStatus({})).status === "ok");
});
