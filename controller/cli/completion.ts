import type { Command } from "commander";
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import { bashCompletion } from "./completion-bash.ts";
import { fishCompletion } from "./completion-fish.ts";
import { completionNodes } from "./completion-tree.ts";
import { zshCompletion } from "./completion-zsh.ts";
import { withExamples } from "./context.ts";
import { print } from "./output.ts";

const SHELLS = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion } as const;

export function addCompletionCommand(program: Command): void {
  const command = program
    .command("completion <shell>")
    .description("print what lets bash, zsh or fish complete commands, options and names")
    .action((shell: string) => {
      print(scriptFor(shell)(completionNodes(program)).trimEnd());
    });
  withExamples(
    command,
    "echo 'source <(ferry completion bash)' >> ~/.bashrc",
    "ferry completion fish > ~/.config/fish/completions/ferry.fish",
  );
}

function scriptFor(shell: string): (typeof SHELLS)[keyof typeof SHELLS] {
  const found = Object.entries(SHELLS).find(([name]) => name === shell);
  if (found !== undefined) return found[1];
  throw new FerryError("usage", `There is no completion for ${JSON.stringify(shell)}`, {
    hint: `There is one for ${Object.keys(SHELLS).join(", ")}.`,
    exitCode: EXIT.usage,
  });
}
