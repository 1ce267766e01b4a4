/** Runs the commands that `ferry-commands.ts` sends, as controller/main.ts would, and answers with what they wrote. */
import { CommanderError } from "commander";
import { EXIT } from "../../common/ferry-error.ts";
import { explain } from "../../controller/cli/context.ts";
import { createProgram } from "../../controller/cli/program.ts";

process.on("message", (args: string[]) => {
  void run(args);
});

async function run(args: string[]): Promise<void> {
  const written = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    process[name].write = (text: string | Uint8Array) => {
      written[name] += String(text);
      return true;
    };
  }
  process.exitCode = EXIT.ok;
  try {
    await createProgram().parseAsync(args, { from: "user" });
  } catch (thrown) {
    process.exitCode =
      thrown instanceof CommanderError ? (thrown.exitCode === 0 ? EXIT.ok : EXIT.usage) : explain(thrown);
  }
  process.send?.({ code: process.exitCode, ...written });
}
