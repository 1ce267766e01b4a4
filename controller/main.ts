#!/usr/bin/env node
/** `ferry`: the controller and the command line for it. */
import { CommanderError } from "commander";
import { EXIT, systemCodeOf } from "../common/ferry-error.ts";
import { explain } from "./cli/context.ts";
import { createProgram } from "./cli/program.ts";

// `ferry … | head`: whoever reads has had enough.
process.stdout.on("error", (error) => {
  if (systemCodeOf(error) === "EPIPE") process.exit(EXIT.ok);
  throw error;
});

// An executable is one CommonJS file, which cannot wait at its top level.
void createProgram()
  .parseAsync(["node", "ferry", ...process.argv.slice(2)])
  .catch((thrown: unknown) => {
    // commander has explained its own already: help and version end with 0, everything else is a usage error.
    process.exitCode =
      thrown instanceof CommanderError ? (thrown.exitCode === 0 ? EXIT.ok : EXIT.usage) : explain(thrown);
  });
