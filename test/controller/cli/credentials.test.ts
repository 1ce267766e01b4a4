/** Tokens on their way from a person to a controller: real processes, over loopback and over TLS. */
import t from "tap";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { requirePrivateWay } from "../../../controller/cli/credentials.ts";
import { createClient } from "../../../controller/http/client.ts";
import { readLocalToken } from "../../../controller/operators/local-operator.ts";
import { newToken } from "../../../controller/operators/operator-token.ts";
import { openTestController } from "../../support/controller-api.ts";
import { runFerry } from "../../support/ferry-commands.ts";
import { freePorts, runProgram, startProgram, type Environment } from "../../support/programs.ts";
import { until } from "../../support/until.ts";

/** `ferry login` with a token on its standard input. */
async function login(args: readonly string[], token: string, env: Environment) {
  const main = new URL("../../../controller/main.ts", import.meta.url).pathname;
  const child = spawn(process.execPath, [main, "login", ...args], {
    env: { ...process.env, NO_COLOR: "1", ...env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  let said = "";
  const hear = (text: Buffer) => {
    said += text.toString();
  };
  child.stdout.on("data", hear);
  child.stderr.on("data", hear);
  child.stdin.end(`${token}\n`);
  const [code] = (await once(child, "close")) as [number | null];
  return { code, said };
}

t.test("a token never goes where others could read it", async (t) => {
  for (const url of ["http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1", "https://ferry.example"]) {
    t.doesNotThrow(() => {
      requirePrivateWay(new URL(url));
    }, url);
  }
  t.throws(
    () => {
      requirePrivateWay(new URL("http://ferry.example"));
    },
    { code: "token-in-clear", hint: /https:/ },
  );
});

t.test("on this machine", async (t) => {
  const directory = t.testdir();
  await using controller = await openTestController(join(directory, "home"));
  const { httpUrl, paths } = controller;
  const at = ["--controller", httpUrl];
  const elsewhere = { XDG_CONFIG_HOME: join(directory, "config"), FERRY_HOME: join(directory, "nothing") };
  const atHome = { ...elsewhere, FERRY_HOME: paths.home };

  await t.test("the home's token needs no login, and nobody else may have it", async (t) => {
    t.equal((await runFerry(["status", ...at], atHome)).code, 0);
    chmodSync(paths.operatorToken, 0o644);
    const exposed = await runFerry(["status", ...at], atHome);
    chmodSync(paths.operatorToken, 0o600);
    t.equal(exposed.code, 4);
    t.match(exposed.stderr, /chmod 600/);
  });

  await t.test("an operator logs in, works in a role, and logs out", async (t) => {
    const none = await runFerry(["status", ...at], elsewhere);
    t.equal(none.code, 4);
    t.match(none.stderr, /ferry login/);
    const added = await runFerry(["operator", "add", "kari", "--role", "viewer", "-o", "name", ...at], atHome);
    const token = added.stdout.trim();
    t.match((await login(at, token, elsewhere)).said, /kari \(viewer\)/);
    t.equal(statSync(join(elsewhere.XDG_CONFIG_HOME, "modelferry", "credentials.json")).mode & 0o777, 0o600);
    t.equal((await runFerry(["status", ...at], elsewhere)).code, 0);
    const refused = await runFerry(["operator", "list", ...at], elsewhere);
    t.equal(refused.code, 4);
    t.match(refused.stderr, /needs the role admin; kari is viewer/);
    t.equal((await runFerry(["logout", ...at], elsewhere)).code, 0);
    t.equal((await runFerry(["status", ...at], elsewhere)).code, 4);
    t.equal((await runFerry(["status", ...at], { ...elsewhere, FERRY_TOKEN: token })).code, 0);
  });

  await t.test("a token that is cut or unknown is not stored", async (t) => {
    t.equal((await login(at, newToken().slice(0, -1), elsewhere)).code, 2);
    t.equal((await login(at, newToken(), elsewhere)).code, 4);
    const stored = readFileSync(join(elsewhere.XDG_CONFIG_HOME, "modelferry", "credentials.json"), "utf8");
    t.notMatch(stored, /ferry_/);
  });

  await t.test("who rotates the own token goes on with the new one", async (t) => {
    const former = readLocalToken(paths.operatorToken);
    t.equal((await runFerry(["operator", "rotate", "local", ...at], atHome)).code, 0);
    t.equal((await runFerry(["status", ...at], atHome)).code, 0);
    await t.rejects(createClient(httpUrl, { token: former }).getStatus({}), { code: "unauthenticated" });
  });
});

t.test("over TLS", async (t) => {
  const directory = t.testdir();
  const home = join(directory, "home");
  const [cert, key] = [join(directory, "cert.pem"), join(directory, "key.pem")];
  const subject = ["-subj", "/CN=ferry", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"];
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
  execFileSync("openssl", ["req", "-x509", ...curve, ...subject, "-keyout", key, "-out", cert], { stdio: "ignore" });
  const env = { FERRY_HOME: home, XDG_CONFIG_HOME: join(directory, "config") };
  mkdirSync(env.XDG_CONFIG_HOME);
  await runFerry(["init"], env);
  const [http = 0] = await freePorts(1);
  // All addresses: what a controller for other machines listens on.
  const tls = ["--http-host", "0.0.0.0", "--http-port", String(http), "--tls-cert", cert, "--tls-key", key];
  chmodSync(key, 0o644);
  const exposed = await runProgram("ferry", ["up", "--mqtt-port", "0", "--enrol-port", "0", ...tls], env);
  t.equal(exposed.code, 4, "a key that others can read is refused");
  chmodSync(key, 0o600);
  t.equal(
    (await runProgram("ferry", ["up", "--http-host", "0.0.0.0", "--tls-cert", cert], env)).code,
    2,
    "half of TLS",
  );
  await using program = startProgram("ferry", ["up", "--mqtt-port", "0", "--enrol-port", "0", ...tls], { env });
  await until("it is up", () => program.output().includes("HTTP API"));
  const url = `https://127.0.0.1:${http}`;
  const at = ["--controller", url];
  const token = readLocalToken(join(home, "operator.token")) ?? "";

  await t.test("a certificate of an unknown CA is refused, and one of the named CA is not", async (t) => {
    const refused = await runFerry(["status", ...at], env);
    t.equal(refused.code, 4);
    t.match(refused.stderr, /not to be trusted[\s\S]*--ca/);
    t.equal((await runFerry(["status", ...at, "--ca", cert], env)).code, 0);
    t.equal((await runFerry(["status", ...at], { ...env, FERRY_CA: cert })).code, 0);
  });

  await t.test("login remembers the CA", async (t) => {
    const away = { ...env, FERRY_HOME: join(directory, "nothing") };
    t.equal((await login([...at, "--ca", cert], token, away)).code, 0);
    t.equal((await runFerry(["status", ...at], away)).code, 0);
  });

  await t.test("plain HTTP is not answered, nor another name than the certificate's believed", async (t) => {
    await t.rejects(fetch(`http://127.0.0.1:${http}/api/v1/health`));
    const other = Object.values(networkInterfaces())
      .flat()
      .find((each) => each?.family === "IPv4" && !each.internal);
    if (other === undefined) return;
    const named = await runFerry(["status", "--controller", `https://${other.address}:${http}`, "--ca", cert], {
      ...env,
      FERRY_TOKEN: token,
    });
    t.equal(named.code, 4);
  });
});
