import type { Command } from "commander";
import { existsSync } from "node:fs";
import pc from "picocolors";
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import { ID_CHARS_MAX } from "../../protocol/limits.ts";
import { isId, type FleetId } from "../../protocol/ids.ts";
import { controllerPaths, type ControllerPaths } from "../config.ts";
import { createHome, type NewHome } from "../new-home.ts";
import { formatOf, withExamples, withOutput, type OutputOptions } from "./context.ts";
import { printOne } from "./output.ts";

interface InitOptions extends OutputOptions {
  readonly home?: string;
  readonly fleet: string;
  readonly ifNeeded?: true;
}

export function addInitCommand(program: Command): void {
  const command = program
    .command("init")
    .description("make the keys, the root of trust and the settings of a fleet")
    .option("--home <dir>", "where to put them (default: FERRY_HOME, or ~/.modelferry)")
    .option("--fleet <id>", "the fleet's name on the wire", "main")
    .option("--if-needed", "do nothing where there is one already: for what runs at each start of a container")
    .action(init);
  withExamples(withOutput(command), "ferry init", "ferry init --home /srv/modelferry --fleet oslo");
}

async function init({ home, fleet, ifNeeded, output }: InitOptions): Promise<void> {
  const format = formatOf({ output });
  const paths = controllerPaths(home);
  if (ifNeeded === true && existsSync(paths.config)) {
    process.stderr.write(`${paths.home} holds a controller already: nothing to do\n`);
    return;
  }
  const made = await createHome(paths, { fleet: fleetId(fleet), nowMs: Date.now() });
  const { config, rootPin, rootExpires } = made;
  const { home: folder, offline } = paths;
  const value = { fleet: config.fleet, home: folder, offline, rootPin, rootExpires: rootExpires.toISOString() };
  printOne(
    value,
    format,
    () => describe(paths, made, home === undefined ? "ferry up" : `ferry up --home ${folder}`),
    rootPin,
  );
}

function describe(paths: ControllerPaths, made: NewHome, up: string): string {
  const { config, rootPin, rootExpires, isOwnersRoot } = made;
  return [
    `${pc.green("✔")} Fleet ${pc.bold(config.fleet)} is made in ${paths.home}`,
    "",
    ...(isOwnersRoot ? [] : [`  owner key      ${paths.ownerKey}`, `  publisher key  ${paths.publisherKey}`]),
    `  director key   ${paths.directorKey}`,
    `  device CA      ${paths.authority.certificate}`,
    `  admin token    ${paths.operatorToken}: \`ferry\` uses it on this machine`,
    `  root version 1 ${paths.roots}, good until ${rootExpires.toISOString().slice(0, 10)}`,
    "",
    ...(isOwnersRoot ? [] : keepOffline(paths)),
    pc.bold("Root pin"),
    `  ${rootPin}`,
    "  Give it to each device by another way than the broker: it is how a device knows this fleet's owner.",
    "",
    pc.bold("Next"),
    `  ${up}`,
    `  ferry device invite DEVICE   (while it runs: prints the line with which a device joins)`,
  ].join("\n");
}

function keepOffline({ offline }: ControllerPaths): string[] {
  return [
    pc.bold("Keep offline"),
    `  Move ${offline} to a medium that stays in a drawer, with a copy in another building.`,
    "  The owner key names all the other keys: who has it owns every device of the fleet.",
    "  The publisher key signs models: who has it decides what can run. `ferry bundle sign` needs it, `ferry up` never does.",
    "  The director key stays with the controller: it can only choose among models that the publisher signed.",
    "",
  ];
}

function fleetId(text: string): FleetId {
  if (!isId(text)) {
    throw new FerryError("usage", `${JSON.stringify(text)} cannot be a fleet's name`, {
      hint: `Use lower-case letters, digits and hyphens, at most ${ID_CHARS_MAX} characters, such as \`oslo-cameras\`.`,
      exitCode: EXIT.usage,
    });
  }
  // `isId` has just checked it.
  return text as FleetId;
}
