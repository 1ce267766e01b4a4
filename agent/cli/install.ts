/** `ferry-agent install --systemd` and `uninstall`: a service that updates itself, for those without the Debian package. */
import { realpathSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import { hashFile } from "../../common/hash-directory.ts";
import { packagedProgram } from "../../common/packaged-program.ts";
import { perform, requireRoot } from "../install/perform.ts";
import { planInstall, planUninstall, stepText, type InstallStep } from "../install/plan-install.ts";
import { LAUNCHER } from "../self-update/launcher.ts";
import { AGENT_VERSION } from "../version.ts";

export interface InstallOptions {
  readonly systemd?: true;
  readonly dryRun?: true;
  /** A directory in place of `/`: for images that are being built. */
  readonly root: string;
}

const UNIT_FILE = "firmware-images/deb/ferry-agent/ferry-agent.service";
const COMMAND_FILE = "firmware-images/deb/ferry-agent/ferry-agent";

/** Resolves to what was done, or would be. Throws FerryError. */
export async function install({ systemd, ...options }: InstallOptions): Promise<string> {
  if (systemd !== true) {
    throw new FerryError("usage", "Install as what?", {
      hint: "As a service of systemd: ferry-agent install --systemd",
      exitCode: EXIT.usage,
    });
  }
  const steps = planInstall(await sourceHere());
  const done = await carryOut(steps, options);
  if (options.dryRun === true) return done;
  return `${done}\nNext:\n  sudo ferry-agent join TOKEN --root-pin HEX     (on the controller: ferry device invite DEVICE)\n  sudo systemctl start ferry-agent`;
}

export async function uninstall(options: Omit<InstallOptions, "systemd">): Promise<string> {
  const done = await carryOut(planUninstall(), options);
  return `${done}\nKept: /var/lib/ferry-agent with the device's key, trust and models, and the user ferry-agent.`;
}

async function carryOut(
  steps: readonly InstallStep[],
  { dryRun, root }: Omit<InstallOptions, "systemd">,
): Promise<string> {
  if (dryRun !== true) {
    requireRoot(root, process.getuid?.());
    await perform(steps, resolve(root));
  }
  return steps.map(stepText).join("\n");
}

async function sourceHere() {
  const program = packagedProgram();
  if (program === undefined) {
    throw new FerryError(
      "not-packaged",
      "This agent runs from a source checkout, and only a packaged one can be installed",
      {
        hint: "Build it with `npm run package`, then: sudo dist/linux-x64/ferry-agent/ferry-agent install --systemd",
        exitCode: EXIT.usage,
      },
    );
  }
  const executable = realpathSync(process.execPath);
  const { sha256 } = await hashFile(executable);
  const text = (name: string) => Buffer.from(program.file(name)).toString();
  return {
    folder: dirname(executable),
    version: AGENT_VERSION,
    sha256,
    unit: text(UNIT_FILE),
    command: text(COMMAND_FILE),
    launcher: LAUNCHER,
  };
}
