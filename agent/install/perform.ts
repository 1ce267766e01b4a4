import { execFile } from "node:child_process";
import { chmod, cp, mkdir, rename, rm, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { EXIT, FerryError, messageOf } from "../../common/ferry-error.ts";
import { writeFileDurably } from "../store/durable-file.ts";
import type { InstallStep } from "./plan-install.ts";

/** systemd reads its units within a second; a user's database on a network takes longer. */
const COMMAND_MS_MAX = 60_000;

const run = promisify(execFile);

/** `root`: below it instead of `/`, and then no command is run: they would act upon this machine. Throws FerryError. */
export async function perform(steps: readonly InstallStep[], root: string): Promise<void> {
  for (const step of steps) {
    try {
      await performStep(step, root);
    } catch (cause) {
      const where = "path" in step ? step.path : step.kind === "run" ? step.command.join(" ") : step.to;
      throw new FerryError("install-failed", `${where}: ${messageOf(cause)}`, {
        hint: "What was done before stays; correct this and run the same command again.",
        cause,
      });
    }
  }
}

async function performStep(step: InstallStep, root: string): Promise<void> {
  switch (step.kind) {
    case "run":
      if (root === "/" && !(await succeeds(step.unless))) await runCommand(step.command);
      return;
    case "folder":
      await mkdir(join(root, step.path), { recursive: true });
      await chmod(join(root, step.path), step.mode);
      return;
    case "copy": {
      const unfinished = `${join(root, step.to)}.new`;
      await rm(unfinished, { recursive: true, force: true });
      await cp(step.from, unfinished, { recursive: true });
      await rm(join(root, step.to), { recursive: true, force: true });
      await rename(unfinished, join(root, step.to));
      return;
    }
    case "file":
      await mkdir(dirname(join(root, step.path)), { recursive: true });
      await writeFileDurably(join(root, step.path), step.text, step.mode);
      await chmod(join(root, step.path), step.mode);
      return;
    case "link": {
      const unfinished = `${join(root, step.path)}.new`;
      await mkdir(dirname(unfinished), { recursive: true });
      await rm(unfinished, { force: true });
      await symlink(step.to, unfinished);
      await rename(unfinished, join(root, step.path));
      return;
    }
    case "remove":
      await rm(join(root, step.path), { recursive: true, force: true });
  }
}

async function succeeds(command: readonly string[] | undefined): Promise<boolean> {
  if (command === undefined) return false;
  return await runCommand(command).then(
    () => true,
    () => false,
  );
}

async function runCommand([file = "", ...args]: readonly string[]): Promise<void> {
  await run(file, args, { timeout: COMMAND_MS_MAX });
}

/** Throws FerryError `not-root`. */
export function requireRoot(root: string, userId: number | undefined): void {
  if (root !== "/" || userId === 0) return;
  throw new FerryError("not-root", "Installing a service takes root: it makes a user, folders and a unit of systemd", {
    hint: "Run it with sudo; --dry-run shows what it would do, without root.",
    exitCode: EXIT.notAllowed,
  });
}
