/** What the processes that a program starts for itself have in common. */
import type { Readable } from "node:stream";

/** Flags meant for the program itself (an inspector's port, a heap size) must not reach them. */
export function ownProcessEnvironment(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _, ...environment } = process.env;
  return environment;
}

/** Native code that fails in a loop must not fill the disk. */
const STDERR_BYTES_MAX = 65_536;

/** Logs what a process writes to standard error, up to a bound; what it returns grants the same once more. */
export function logStandardError(stream: Readable | null, log: (said: object) => void): () => void {
  let leftBytes = STDERR_BYTES_MAX;
  stream?.on("data", (chunk: Buffer) => {
    if (leftBytes <= 0) return;
    const said = chunk.subarray(0, leftBytes).toString().trim();
    leftBytes -= chunk.byteLength;
    log(leftBytes > 0 ? { said } : { said, rest: "what it says from here on is dropped" });
  });
  return () => {
    leftBytes = STDERR_BYTES_MAX;
  };
}
