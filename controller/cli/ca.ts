import type { Command } from "commander";
import { X509Certificate } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import pc from "picocolors";
import { EXIT, FerryError, systemCodeOf } from "../../common/ferry-error.ts";
import type { CallerId } from "../../protocol/ids.ts";
import { controllerPaths, readConfig } from "../config.ts";
import { createAuthorityFiles, openAuthority, type TlsIdentity } from "../enrol/authority.ts";
import { recordCaller } from "../enrol/callers.ts";
import { requireNoDevice } from "../enrol/device-names.ts";
import { formatOf, withExamples, withOutput, type OutputOptions } from "./context.ts";
import { deviceId } from "./ids.ts";
import { print, printOne } from "./output.ts";

interface HomeOptions {
  readonly home?: string;
}

interface IssueOptions extends HomeOptions {
  readonly out: string;
}

export function addCaCommands(program: Command): void {
  const ca = program.command("ca").description("the fleet's device CA: who is who on the network, never what may run");
  const init = ca
    .command("init")
    .description("make the device CA of a home that has none (`ferry init` makes one with everything else)")
    .option("--home <dir>", "the controller's folder (default: FERRY_HOME, or ~/.modelferry)")
    .action(initCa);
  withExamples(init, "ferry ca init");
  const show = ca
    .command("show")
    .description("the pin by which a device knows whom it asks, and until when the CA serves")
    .option("--home <dir>", "the controller's folder (default: FERRY_HOME, or ~/.modelferry)")
    .action(showCa);
  withExamples(withOutput(show), "ferry ca show", "ferry ca show -o name");
  const client = ca
    .command("issue-caller <name>")
    .description("a key and certificate for an application that asks devices for predictions over MQTT")
    .requiredOption("--out <dir>", "where to put ca.crt.pem, NAME.crt.pem and NAME.key.pem")
    .option("--home <dir>", "the controller's folder (default: FERRY_HOME, or ~/.modelferry)")
    .action(issueCaller);
  withExamples(client, "ferry ca issue-caller line-app --out line-app-tls");
  const server = ca
    .command("issue-server <host...>")
    .description("a key and certificate for a broker of its own, such as Mosquitto, valid for 13 months")
    .requiredOption("--out <dir>", "where to put ca.crt.pem, server.crt.pem and server.key.pem")
    .option("--home <dir>", "the controller's folder (default: FERRY_HOME, or ~/.modelferry)")
    .action(issueServer);
  withExamples(server, "ferry ca issue-server broker.example 10.0.0.5 --out broker-tls");
}

async function initCa({ home }: HomeOptions): Promise<void> {
  const paths = controllerPaths(home);
  await createAuthorityFiles(paths.authority, readConfig(paths).fleet, Date.now());
  print(`${pc.green("✔")} device CA  ${paths.authority.certificate}`);
}

async function showCa({ home, ...output }: HomeOptions & OutputOptions): Promise<void> {
  const { keyDigest: caPin, certificatePem } = await openAuthority(controllerPaths(home).authority);
  const expires = new X509Certificate(certificatePem).validToDate.toISOString();
  const text = () =>
    [
      `${pc.bold("CA pin")} (SHA-256 of the device CA's public key)`,
      `  ${caPin}`,
      "  A device that joins without a token is told it with --ca-pin: it is how it knows whom it asks.",
      `  The CA serves until ${expires.slice(0, 10)}.`,
    ].join("\n");
  printOne({ caPin, expires }, formatOf(output), text, caPin);
}

async function issueCaller(name: string, { home, out }: IssueOptions): Promise<void> {
  const paths = controllerPaths(home);
  const caller = deviceId(name);
  if (caller === "controller") {
    throw new FerryError("usage", "The name `controller` is the controller's own", {
      hint: "Choose the name of the application.",
      exitCode: EXIT.usage,
    });
  }
  const authority = await openAuthority(paths.authority);
  // Callers and devices share one space of names: both are one level of a topic.
  await requireNoDevice(paths, authority, caller);
  await recordCaller(paths.authority, caller as string as CallerId);
  const identity = await authority.newClient(caller as string as CallerId, Date.now());
  await writeIdentity(out, caller, identity, authority.certificatePem);
}

async function issueServer(hosts: readonly string[], { home, out }: IssueOptions): Promise<void> {
  for (const host of hosts) {
    if (/^[A-Za-z0-9.:-]{1,253}$/.test(host)) continue;
    throw new FerryError("usage", `${JSON.stringify(host)} is neither a host name nor an address`, {
      hint: "Write it like broker.example or 10.0.0.5.",
      exitCode: EXIT.usage,
    });
  }
  const authority = await openAuthority(controllerPaths(home).authority);
  await writeIdentity(out, "server", await authority.newServer(hosts, Date.now()), authority.certificatePem);
}

/** Never overwrites a key. Throws `exists`. */
export async function writeIdentity(
  folder: string,
  name: string,
  { cert, key }: TlsIdentity,
  ca: string,
): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const at = (file: string) => join(folder, file);
  try {
    await writeFile(at(`${name}.key.pem`), key, { flag: "wx", mode: 0o600 });
  } catch (cause) {
    if (systemCodeOf(cause) !== "EEXIST") throw cause;
    throw new FerryError("exists", `${at(`${name}.key.pem`)} is there already; nothing was changed`, {
      hint: "Choose another folder, or move the former files away.",
      exitCode: EXIT.conflict,
      cause,
    });
  }
  await writeFile(at(`${name}.crt.pem`), cert);
  await writeFile(at("ca.crt.pem"), ca);
  print([`${name}.key.pem`, `${name}.crt.pem`, "ca.crt.pem"].map(at).join("\n"));
}
