import { spawn } from "node:child_process";
import { once } from "node:events";

/** Runs a program to its end; what it says goes to standard error. Throws where it fails. */
export async function run(program: string, args: readonly string[], input = ""): Promise<void> {
  const child = spawn(program, args, { stdio: ["pipe", process.stderr, process.stderr] });
  // One that ends without reading its input says why by its exit code.
  child.stdin.on("error", () => undefined).end(input);
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) throw new Error(`${program} ${args.join(" ").slice(0, 300)} ended with ${String(code)}`);
}

/** What a folder takes on a disk. */
export async function folderMib(folder: string): Promise<number> {
  const child = spawn("du", ["--summarize", "--block-size=1M", folder], { stdio: ["ignore", "pipe", process.stderr] });
  let text = "";
  for await (const part of child.stdout) text += String(part);
  const mib = Number.parseInt(text, 10);
  if (!Number.isInteger(mib)) throw new Error(`du could not measure ${folder}`);
  return mib;
}
