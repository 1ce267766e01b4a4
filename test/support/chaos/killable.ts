/** A process that a test kills and starts again, as often as it likes. */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

export interface Begun {
  readonly child: ChildProcess;
  /** Resolves when it does what it is for. */
  readonly isReady: Promise<unknown>;
}

export class Killable {
  readonly #name: string;
  readonly #begin: () => Begun;
  #child: ChildProcess | undefined;

  constructor(name: string, begin: () => Begun) {
    this.#name = name;
    this.#begin = begin;
  }

  async start(): Promise<void> {
    const { child, isReady } = this.#begin();
    // A line that comes when it was killed already.
    child.stdin?.on("error", () => undefined);
    this.#child = child;
    await Promise.race([isReady, once(child, "exit")]);
    if (child.exitCode !== null) throw new Error(`${this.#name} ended with ${String(child.exitCode)}`);
  }

  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child?.exitCode !== null || child.signalCode !== null) return;
    const closed = once(child, "close");
    child.kill("SIGKILL");
    await closed;
  }

  async restart(): Promise<void> {
    await this.kill();
    await this.start();
  }

  async heal(): Promise<void> {
    if (this.#child === undefined || this.#child.exitCode !== null) await this.start();
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  write(text: string): void {
    this.#child?.stdin?.write(text);
  }

  limitFiles(bytes: string): void {
    if (this.#child?.pid !== undefined) limitFiles(this.#child.pid, bytes);
  }
}

/** The kernel refuses to let a file of this process grow beyond that: a full disk for it alone. */
export function limitFiles(pid: number, bytes: string): void {
  execFileSync("prlimit", ["--pid", String(pid), `--fsize=${bytes}:`]);
}

/** Starts a program of this folder, which is ready with its first line. */
export function beginNode(file: string, args: readonly string[], onLine?: (line: string) => void): Begun {
  const path = new URL(file, import.meta.url).pathname;
  // Without the test runner's options, which it gives to every child: its hooks make a file's limit fatal.
  const command = 'unset NODE_OPTIONS; exec "$0" "$@"';
  const child = spawn("bash", ["-c", command, process.execPath, path, ...args], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout });
  if (onLine !== undefined) lines.on("line", onLine);
  return { child, isReady: once(lines, "line") };
}
