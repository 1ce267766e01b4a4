/** One input through one decoder, held against what every decoder promises. */
import { getHeapStatistics } from "node:v8";
import { messageOf } from "../../common/ferry-error.ts";
import { BrokenClaim, type FuzzTarget } from "./fuzz-target.ts";

/** Of one input of up to a megabyte, in time of the processor; schemas and signatures take tenths of a millisecond. */
const CPU_MS_MAX = 150;
/** What each megabyte beyond it may add: JSON takes about 30. */
const CPU_MS_PER_MEGABYTE = 150;
/** What one input may allocate, garbage included: the bytes as text, as a tree, as values, and once more for a message. */
const ALLOCATED_BYTES_MAX = 24 * 1024 ** 2;
const ALLOCATED_PER_BYTE_MAX = 64;
/** A collection of garbage or the compiler may fall into a measurement, but not into each of several. */
const MEASUREMENTS = 3;

/** Undefined where all is well; otherwise the sentence that says what is not. */
export async function tryInput(target: FuzzTarget, input: Uint8Array): Promise<string | undefined> {
  let broken: string | undefined;
  for (let left = MEASUREMENTS; left > 0; left -= 1) {
    const before = measure();
    const fault = await faultOf(target, input);
    if (fault !== undefined) return fault;
    broken = beyondBounds(target, input, before, measure());
    if (broken === undefined) return undefined;
  }
  return broken;
}

async function faultOf({ decode, isRefusal }: FuzzTarget, input: Uint8Array): Promise<string | undefined> {
  try {
    // A copy: a decoder may keep a view of what it was given, and must not change it for the next measurement.
    await decode(Uint8Array.from(input));
    return undefined;
  } catch (thrown) {
    if (thrown instanceof BrokenClaim) return thrown.message;
    if (isRefusal(thrown)) return undefined;
    const kind = thrown instanceof Error ? thrown.name : typeof thrown;
    return `throws ${kind}, which it does not promise: ${messageOf(thrown).slice(0, 300)}`;
  }
}

interface Measurement {
  readonly cpuMs: number;
  readonly bytes: number;
}

function measure(): Measurement {
  const { user, system } = process.threadCpuUsage();
  const { used_heap_size, external_memory } = getHeapStatistics();
  return { cpuMs: (user + system) / 1_000, bytes: used_heap_size + external_memory };
}

function beyondBounds(
  { allocatesBytes = 0 }: FuzzTarget,
  input: Uint8Array,
  before: Measurement,
  after: Measurement,
): string | undefined {
  const cpuMs = after.cpuMs - before.cpuMs;
  const cpuMsMax = CPU_MS_MAX + (CPU_MS_PER_MEGABYTE * input.byteLength) / 1024 ** 2;
  if (cpuMs > cpuMsMax)
    return `takes ${cpuMs.toFixed(0)} ms of the processor, at most ${cpuMsMax.toFixed(0)} are promised`;
  const bytes = after.bytes - before.bytes;
  const bytesMax = ALLOCATED_BYTES_MAX + allocatesBytes + ALLOCATED_PER_BYTE_MAX * input.byteLength;
  if (bytes > bytesMax) return `allocates ${String(bytes)} bytes, at most ${String(bytesMax)} are promised`;
  return undefined;
}
