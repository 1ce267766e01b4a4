/** Decoders with the faults that fuzzing must find: what looks for faults is itself looked at with these. */
import { BrokenClaim, type FuzzTarget } from "./fuzz-target.ts";
import { json } from "./seed-files.ts";

const common = { grammar: "bytes", seeds: () => [Buffer.from("seed")], isRefusal: () => false } as const;

const held: Uint8Array[] = [];

function cpuMicroseconds(): number {
  const { user, system } = process.threadCpuUsage();
  return user + system;
}

export const TARGETS: readonly FuzzTarget[] = [
  {
    ...common,
    name: "throws-what-it-likes",
    grammar: "json",
    seeds: () => [json({ name: "a", list: [{ at: 1 }] })],
    decode: (input) => (JSON.parse(Buffer.from(input).toString()) as { name: string }).name.toUpperCase(),
    isRefusal: (thrown) => thrown instanceof SyntaxError,
  },
  {
    ...common,
    name: "hides-behind-a-word",
    // Each letter is a branch of its own: only whoever keeps what reaches further gets to the end.
    words: ["m", "f", "z", "!"],
    decode: (input) => {
      if (input[0] === 0x6d && input[1] === 0x66 && input[2] === 0x7a) throw new BrokenClaim("is found");
    },
  },
  {
    ...common,
    name: "takes-its-time",
    decode: (input) => {
      const untilMicroseconds = cpuMicroseconds() + (input.byteLength > 1_000 ? 200_000 : 0);
      while (cpuMicroseconds() < untilMicroseconds);
    },
  },
  {
    ...common,
    name: "fills-the-memory",
    decode: (input) => held.push(Buffer.alloc(input.byteLength > 1_000 ? 2 ** 25 : 1)),
  },
  {
    ...common,
    name: "ends-the-process",
    decode: (input) => {
      if (input.byteLength > 1_000) process.abort();
    },
  },
  { ...common, name: "is-sound", decode: () => undefined },
];
