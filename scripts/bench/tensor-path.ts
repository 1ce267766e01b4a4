/**
 * How long a tensor takes from one process to another and back, by size: over the channel of a child process (advanced
 * serialization), over a socket with the length before the bytes, and through files in /dev/shm with the channel as the
 * bell. `--trips N` (200), `--json`.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, openSync, readSync, unlinkSync, writeSync } from "node:fs";
import { Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { trips: { type: "string", default: "200" }, json: { type: "boolean", default: false } },
});

const PATHS = ["channel", "socket", "files"] as const;
type Path = (typeof PATHS)[number];
const SIZES = { "1 kB": 1_000, "83 kB": 83_000, "1 MB": 1_000_000, "5 MB": 5_000_000 };
const SOCKET_FD = 4;
/** Before they are timed. */
const WARM_UP_TRIPS = 20;

type Trip = (bytes: Uint8Array) => Promise<Uint8Array>;

const [role, where = ""] = positionals;
if (role !== undefined) echo(role as Path, where);
else await main();

async function main(): Promise<void> {
  const figures: { size: string; path: Path; medianMs: number; cpuMs: number }[] = [];
  for (const [size, bytes] of Object.entries(SIZES)) {
    for (const path of PATHS) figures.push({ size, path, ...(await time(path, new Uint8Array(bytes))) });
  }
  if (options.json) process.stdout.write(`${JSON.stringify(figures, null, 2)}\n`);
  else {
    for (const { size, path, medianMs, cpuMs } of figures) {
      const text = `${size.padEnd(6)} ${path.padEnd(8)} ${medianMs.toFixed(3).padStart(8)} ms there and back`;
      process.stdout.write(`${text}, ${cpuMs.toFixed(3)} ms of this side's processor\n`);
    }
  }
}

async function time(path: Path, bytes: Uint8Array): Promise<{ medianMs: number; cpuMs: number }> {
  const file = `/dev/shm/modelferry-bench-${String(process.pid)}`;
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), path, file], {
    stdio: ["ignore", "inherit", "inherit", "ipc", "pipe"],
    serialization: "advanced",
  });
  const trip = tripOver(path, child, file);
  for (let at = 0; at < WARM_UP_TRIPS; at += 1) await trip(bytes);
  const times: number[] = [];
  const before = process.cpuUsage();
  for (let at = 0; at < Number(options.trips); at += 1) {
    const startedMs = performance.now();
    const back = await trip(bytes);
    times.push(performance.now() - startedMs);
    if (back.byteLength !== bytes.byteLength) throw new Error(`${String(back.byteLength)} bytes came back`);
  }
  const { user, system } = process.cpuUsage(before);
  child.kill();
  if (path === "files") for (const way of ["to", "from"]) unlinkSync(`${file}.${way}`);
  times.sort((a, b) => a - b);
  return { medianMs: times[Math.floor(times.length / 2)] ?? 0, cpuMs: (user + system) / 1_000 / times.length };
}

function tripOver(path: Path, child: ChildProcess, file: string): Trip {
  if (path === "socket") return socketTrip(child.stdio[SOCKET_FD] as Socket);
  const answer = () => new Promise<unknown>((resolve) => child.once("message", resolve));
  if (path === "channel") {
    return async (bytes) => {
      const back = answer();
      child.send(bytes);
      return (await back) as Uint8Array;
    };
  }
  const [to, from] = [openSync(`${file}.to`, "w+"), openSync(`${file}.from`, "w+")];
  child.once("exit", () => {
    closeSync(to);
    closeSync(from);
  });
  return async (bytes) => {
    const back = answer();
    writeSync(to, bytes, 0, bytes.byteLength, 0);
    child.send({ length: bytes.byteLength });
    const { length } = (await back) as { length: number };
    const copy = Buffer.allocUnsafe(length);
    readSync(from, copy, 0, length, 0);
    return copy;
  };
}

function socketTrip(socket: Socket): Trip {
  let take: (bytes: Buffer) => void = () => undefined;
  onFrames(socket, (bytes) => {
    take(bytes);
  });
  return (bytes) =>
    new Promise((resolve) => {
      take = resolve;
      writeFrame(socket, bytes);
    });
}

function writeFrame(socket: Socket, bytes: Uint8Array): void {
  const head = Buffer.allocUnsafe(4);
  head.writeUInt32LE(bytes.byteLength);
  socket.cork();
  socket.write(head);
  socket.write(bytes);
  socket.uncork();
}

function onFrames(socket: Socket, take: (bytes: Buffer) => void): void {
  let frame: Buffer | undefined;
  let filled = 0;
  socket.on("data", (chunk: Buffer) => {
    let rest = chunk;
    if (frame === undefined) {
      frame = Buffer.allocUnsafe(chunk.readUInt32LE());
      filled = 0;
      rest = chunk.subarray(4);
    }
    rest.copy(frame, filled);
    filled += rest.byteLength;
    if (filled < frame.byteLength) return;
    const whole = frame;
    frame = undefined;
    take(whole);
  });
}

/** The other process: gives back what it gets. */
function echo(path: Path, file: string): void {
  if (path === "socket") {
    const socket = new Socket({ fd: SOCKET_FD });
    onFrames(socket, (bytes) => {
      writeFrame(socket, bytes);
    });
    return;
  }
  process.on("message", (message: Uint8Array | { readonly length: number }) => {
    if (message instanceof Uint8Array) {
      process.send?.(message);
      return;
    }
    const [to, from] = [openSync(`${file}.to`, "r"), openSync(`${file}.from`, "r+")];
    const bytes = Buffer.allocUnsafe(message.length);
    readSync(to, bytes, 0, message.length, 0);
    writeSync(from, bytes, 0, message.length, 0);
    closeSync(to);
    closeSync(from);
    process.send?.({ length: message.length });
  });
}
