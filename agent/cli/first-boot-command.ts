/** `ferry-agent first-boot`, which an image's service runs until the device has joined. */
import { access } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import type { Command, Option } from "commander";
import { systemClock } from "../../common/clock.ts";
import { firstBoot, type FirstBootOptions } from "../first-boot/first-boot.ts";
import { agentFolder } from "../config.ts";
import { join } from "./join.ts";

export interface FirstBootListener {
  readonly print: (text: string) => void;
  readonly say: (text: string) => void;
}

export function addFirstBootCommand(program: Command, dir: Option, { print, say }: FirstBootListener): void {
  program
    .command("first-boot")
    .description("join as a file on the boot partition says: tries again what can heal, ends with what cannot")
    .requiredOption("--file <file>", "KEY=value lines: FERRY_TOKEN, FERRY_ROOT_PIN, …")
    .option("--board <file>", "what the image says of itself: nothing is done on a machine that it is not for")
    .addOption(dir)
    .addHelpText("after", "\nExample:\n  $ ferry-agent first-boot --file /boot/firmware/ferry-agent.env")
    .action(async (options: FirstBootOptions) => {
      if (await exists(agentFolder(options.dir).config)) {
        print("This device has joined already: what the boot partition says is not needed.");
        return;
      }
      const joined = await firstBoot(options, {
        join,
        say,
        networks: networkInterfaces,
        clock: systemClock,
        random: Math.random,
      });
      print(
        `${joined.device} has joined the fleet ${joined.fleet}, whose root is as pinned. Its key: ${joined.keyFingerprint}`,
      );
    });
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
