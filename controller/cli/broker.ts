import type { Command } from "commander";
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import { emqxAcl, mosquittoAcl, mosquittoConfig } from "../broker/broker-files.ts";
import { controllerPaths, MQTT_PORT, readConfig } from "../config.ts";
import { openAuthority } from "../enrol/authority.ts";
import { writeIdentity } from "./ca.ts";
import { withExamples } from "./context.ts";
import { print } from "./output.ts";

interface ConfigOptions {
  readonly home?: string;
  readonly out: string;
  readonly host: readonly string[];
}

export function addBrokerCommands(program: Command): void {
  const broker = program.command("broker").description("a broker of its own in place of the embedded one");
  const config = broker
    .command("config <broker>")
    .description("write what mosquitto or emqx needs: access rules, certificates, revocations")
    .requiredOption("--out <dir>", "where to write it")
    .option("--host <name...>", "names and addresses under which the broker is reached", ["localhost", "127.0.0.1"])
    .option("--home <dir>", "the controller's folder (default: FERRY_HOME, or ~/.modelferry)")
    .action(writeConfig);
  withExamples(
    config,
    "ferry broker config mosquitto --host broker.example --out mosquitto && mosquitto -c mosquitto/mosquitto.conf",
    "ferry up --broker mqtts://broker.example:8883",
  );
}

async function writeConfig(broker: string, { home, out, host }: ConfigOptions): Promise<void> {
  if (broker !== "mosquitto" && broker !== "emqx") {
    throw new FerryError("usage", `There are no rules for a broker called ${JSON.stringify(broker)}`, {
      hint: "mosquitto and emqx are known; for others, docs/OPERATING.md says what a broker must do.",
      exitCode: EXIT.usage,
    });
  }
  const paths = controllerPaths(home);
  const { fleet } = readConfig(paths);
  const authority = await openAuthority(paths.authority);
  const folder = resolve(out);
  const at = (file: string) => join(folder, file);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeIdentity(folder, "server", await authority.newServer(host, Date.now()), authority.certificatePem);
  await copyFile(paths.authority.revocationList, at("revoked.crl.pem"));
  const files: readonly (readonly [string, string])[] =
    broker === "mosquitto"
      ? [
          ["acl", mosquittoAcl(fleet)],
          ["mosquitto.conf", mosquittoConfig(folder, MQTT_PORT)],
        ]
      : [["acl.conf", emqxAcl(fleet)]];
  for (const [file, text] of files) await writeFile(at(file), text);
  print(["revoked.crl.pem", ...files.map(([file]) => file)].map(at).join("\n"));
}
