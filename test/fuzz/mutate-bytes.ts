/** Mutations that know nothing of what the bytes mean. */
import type { Random } from "./random.ts";

/** Of one input: the largest single message on the wire is 64 kB, what is larger arrives in parts. */
export const INPUT_BYTES_MAX = 128 * 1024;

/** Where lengths, counts and signs turn over. */
const EDGES = [0x00, 0x01, 0x1f, 0x20, 0x7f, 0x80, 0xc2, 0xd8, 0xf9, 0xfb, 0xff] as const;

type Mutation = (bytes: Uint8Array, random: Random, other: Uint8Array) => Uint8Array;

const MUTATIONS: readonly Mutation[] = [
  (bytes, random) => replaced(bytes, random, (byte) => byte ^ (1 << random.integer(8))),
  (bytes, random) => replaced(bytes, random, () => random.integer(256)),
  (bytes, random) => replaced(bytes, random, () => random.pick(EDGES)),
  (bytes, random) => bytes.subarray(0, random.integer(bytes.byteLength + 1)),
  (bytes, random) => spliced(bytes, random, pieceOf(bytes, random)),
  (bytes, random, other) => spliced(bytes, random, pieceOf(other, random)),
  (bytes, random) =>
    spliced(
      bytes,
      random,
      Uint8Array.from({ length: 1 + random.integer(8) }, () => random.pick(EDGES)),
    ),
  (bytes, random) => spliced(bytes, random, new Uint8Array(1 + random.integer(4_096)).fill(random.integer(256))),
  (bytes, random, other) => {
    const at = random.integer(Math.min(bytes.byteLength, other.byteLength) + 1);
    return joined(bytes.subarray(0, at), other.subarray(at));
  },
];

/** One to four mutations of `bytes`, some with pieces of `other`. */
export function mutateBytes(bytes: Uint8Array, random: Random, other: Uint8Array): Uint8Array {
  let mutated = bytes;
  for (let left = 1 + random.integer(4); left > 0; left -= 1) mutated = random.pick(MUTATIONS)(mutated, random, other);
  return Uint8Array.from(mutated.subarray(0, INPUT_BYTES_MAX));
}

/** One word in a place where it was, or was not, meant to be. */
export function insertWord(bytes: Uint8Array, random: Random, words: readonly string[]): Uint8Array {
  return spliced(bytes, random, Buffer.from(random.pick(words)));
}

function replaced(bytes: Uint8Array, random: Random, change: (byte: number) => number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  const at = random.integer(copy.byteLength);
  const byte = copy[at];
  if (byte !== undefined) copy[at] = change(byte);
  return copy;
}

/** A piece in the place of another, which may be empty. */
function spliced(bytes: Uint8Array, random: Random, piece: Uint8Array): Uint8Array {
  const at = random.integer(bytes.byteLength + 1);
  const removed = random.chance(0.5) ? 0 : random.integer(Math.min(64, bytes.byteLength - at) + 1);
  return joined(bytes.subarray(0, at), piece, bytes.subarray(at + removed));
}

function pieceOf(bytes: Uint8Array, random: Random): Uint8Array {
  const at = random.integer(bytes.byteLength + 1);
  return bytes.subarray(at, at + 1 + random.integer(128));
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
