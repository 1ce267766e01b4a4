import type { Command } from "commander";
import { VERSION } from "../version.ts";
import { formatOf, withExamples, withOutput, type OutputOptions } from "./context.ts";
import { printOne } from "./output.ts";

export function addVersionCommand(program: Command): void {
  const command = program
    .command("version")
    .description("of this program and of Node.js")
    .action((options: OutputOptions) => {
      const value = { ferry: VERSION, node: process.versions.node };
      printOne(value, formatOf(options), () => `ferry ${VERSION} on Node.js ${value.node}`, VERSION);
    });
  withExamples(withOutput(command), "ferry version", "ferry version -o json");
}
