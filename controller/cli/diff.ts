import type { Command } from "commander";
import pc from "picocolors";
import { EXIT } from "../../common/ferry-error.ts";
import { compareResource, type Compared } from "./compare-resource.ts";
import { clientOf, withController, withExamples, type RemoteOptions } from "./context.ts";
import { differenceText } from "./line-difference.ts";
import { print, say } from "./output.ts";
import { readResources } from "./resource-file.ts";

export function addDiffCommand(program: Command): void {
  const command = program
    .command("diff")
    .description("what a file would change; ends with 0 where nothing differs and 1 where something does")
    .requiredOption("-f, --file <file>", "of resources; - reads standard input")
    .action(diff);
  withExamples(withController(command), "ferry diff -f rollout.yaml", "ferry get rollout 7 -o yaml | ferry diff -f -");
}

async function diff({ file, ...options }: RemoteOptions & { readonly file: string }): Promise<void> {
  const client = clientOf(options);
  let differing = 0;
  for (const resource of readResources(file)) {
    const compared = await compareResource(client, resource);
    if (compared.kind === "same") continue;
    differing += 1;
    print(comparedText(compared));
  }
  if (differing === 0) say(`${pc.green("✔")} nothing differs`);
  // Compare failures, which have codes of their own from 2 on.
  process.exitCode = differing === 0 ? EXIT.ok : EXIT.failed;
}

export function comparedText({ resource, there, kind, lines }: Compared): string {
  const what = `${resource.kind.toLowerCase()} ${resource.name}`;
  const which =
    kind === "absent"
      ? "is not there"
      : there === undefined
        ? ""
        : `${resource.kind.toLowerCase()} ${there.id}, ${there.state}`;
  return [pc.bold(which === "" ? what : `${what} (${which})`), differenceText(lines)].join("\n");
}
