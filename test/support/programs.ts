/**
 * The two programs as a person runs them: real processes of this checkout or, where FERRY_TEST_EXECUTABLES names a folder as
 * `scripts/package` builds it (`dist/linux-x64`), the executables in it.
 */
import { spawn } from "node:child_process";
import { appendFileSync } from "node:fs";
import { createServer } from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export type ProgramName = "ferry" | "ferry-agent";

const MAIN: Readonly<Record<ProgramName, string>> = { ferry: "controller/main.ts", "ferry-agent": "agent/main.ts" };

const checkout = new URL("../..", import.meta.url).pathname;

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Program extends AsyncDisposable {
  readonly pid: number;
  /** Everything it has said, both streams. */
  readonly output: () => string;
  readonly running: () => boolean;
  /** Ends it (SIGTERM unless told otherwise) and waits until it has. Resolves to how long that took. */
  readonly stop: (signal?: NodeJS.Signals) => Promise<number>;
}

/** Output that is kept of a long-running program, from its end. */
const OUTPUT_CHARS_MAX = 200_000;
/** A program that does not end on SIGTERM within its promised 5 s is a failure; this only keeps a test from hanging. */
const STOP_MS_MAX = 15_000;

export type Environment = Readonly<Record<string, string>>;

const executables = process.env["FERRY_TEST_EXECUTABLES"];

function spawnProgram(name: ProgramName, args: readonly string[], env: Environment) {
  const [file, ...first] =
    executables === undefined ? [process.execPath, `${checkout}${MAIN[name]}`] : [join(executables, name, name)];
  return spawn(file, [...first, ...args], {
    env: { ...process.env, NO_COLOR: "1", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

export interface StartOptions {
  readonly env?: Environment;
  /** Everything that the program says is added to this file. */
  readonly logFile?: string;
  /** It may end its whole process group, which is then not this one's. */
  readonly isOwnGroup?: boolean;
}

/** Starts a program that runs until it is stopped. */
export function startProgram(name: ProgramName, args: readonly string[], options: StartOptions = {}): Program {
  return watched(name, spawnProgram(name, args, options.env ?? {}), options);
}

/** The same of any executable file. */
export function startFile(file: string, args: readonly string[], options: StartOptions = {}): Program {
  const env = { ...process.env, NO_COLOR: "1", ...options.env };
  const detached = options.isOwnGroup === true;
  return watched(file, spawn(file, args, { env, stdio: ["ignore", "pipe", "pipe"], detached }), options);
}

function watched(name: string, child: ReturnType<typeof spawnProgram>, { logFile }: StartOptions): Program {
  let output = "";
  const keep = (text: Buffer) => {
    output = (output + text.toString()).slice(-OUTPUT_CHARS_MAX);
    if (logFile !== undefined) appendFileSync(logFile, text);
  };
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  const exited = once(child, "exit");
  const running = () => child.exitCode === null && child.signalCode === null;
  const stop = async (signal: NodeJS.Signals = "SIGTERM") => {
    const startedMs = performance.now();
    if (running()) {
      child.kill(signal);
      const timer = new AbortController();
      const late = sleep(STOP_MS_MAX, undefined, { signal: timer.signal }).catch(() => undefined);
      await Promise.race([exited, late]);
      timer.abort();
      if (running()) {
        child.kill("SIGKILL");
        await exited;
        throw new Error(`${name} did not end within ${String(STOP_MS_MAX)} ms of ${signal}; its output:\n${output}`);
      }
    }
    return performance.now() - startedMs;
  };
  return {
    pid: child.pid ?? 0,
    output: () => output,
    running,
    stop,
    [Symbol.asyncDispose]: async () => {
      await stop();
    },
  };
}

/** Runs a program to its end. `input` is never given: commands take files. */
export async function runProgram(name: ProgramName, args: readonly string[], env: Environment = {}): Promise<Finished> {
  const child = spawnProgram(name, args, env);
  const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)];
  const [code] = (await once(child, "close")) as [number | null];
  return { code, stdout: await stdout, stderr: await stderr };
}

async function collect(stream: NodeJS.ReadableStream): Promise<string> {
  let text = "";
  for await (const part of stream) text += String(part);
  return text;
}

/** Ports that were free a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const ports = servers.map((server) => {
    const address = server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  });
  await Promise.all(servers.map((server) => once(server.close(), "close")));
  return ports;
}

/** True where a URL answers at all, with a status below 500. */
export async function answers(url: string): Promise<boolean> {
  const response = await fetch(url, { signal: AbortSignal.timeout(2_000) }).catch(() => undefined);
  await response?.body?.cancel();
  return response !== undefined && response.status < 500;
}
