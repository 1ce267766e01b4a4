/** Runs the commands that `ferry-commands.ts` sends, as controller/main.ts would, and answers with what they wrote. */
import { CommanderError } from "commander";
import { EXIT } from "../../common/ferry-error.ts";
import { explain } from "../../controller/cli/context.ts";
import { createProgram } from "../../controller/cli/program.ts";
import type { FerryCommand } from "./ferry-commands.ts";

const inherited = { ...process.env };

process.on("message", (command: FerryCommand) => {
  void run(command);
});
process.on("disconnect", () => process.exit());

async function run({ args, env }: FerryCommand): Promise<void> {
  process.env = { ...inherited, ...env };
  const written = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    process[name].write = (text: string | Uint8Array) => {
      written[name] += String(text);
      return true;
    };
  }
  process.exitCode = EXIT.ok;
  try {
    await createProgram().parseAsync([...args], { from: "user" });
  } catch (thrown) {
    process.exitCode =
      thrown instanceof CommanderError ? (thrown.exitCode === 0 ? EXIT.ok : EXIT.usage) : explain(thrown);
  }
  process.send?.({ code: process.exitCode, ...written });
}
