import { decodeCbor } from "../../protocol/cbor.ts";
import type { FuzzTarget } from "./fuzz-target.ts";
import { INPUT_BYTES_MAX, insertWord, mutateBytes } from "./mutate-bytes.ts";
import { mutateTree, treeToCbor, treeToJson } from "./mutate-values.ts";
import type { Random } from "./random.ts";

/** The next input for a target: one of the corpus, changed; mostly so that its syntax stays whole. */
export function nextInput(target: FuzzTarget, corpus: readonly Uint8Array[], random: Random): Uint8Array {
  const [from, other] = [random.pick(corpus), random.pick(corpus)];
  const tree = target.grammar === "json" || target.grammar === "cbor" ? random.chance(0.7) : false;
  const changed = tree ? changedTree(target, from, other, random) : undefined;
  if (changed !== undefined) return changed;
  const withWord = target.words !== undefined && random.chance(0.5) ? insertWord(from, random, target.words) : from;
  return mutateBytes(withWord, random, other);
}

/** Undefined where the bytes are no document, or one too deep to be walked through, or it grew too large. */
function changedTree(target: FuzzTarget, from: Uint8Array, other: Uint8Array, random: Random): Uint8Array | undefined {
  try {
    const mutated = mutateTree(treeIn(target, from), random, treeIn(target, other));
    const bytes = target.grammar === "json" ? treeToJson(mutated, random) : treeToCbor(mutated, random);
    return bytes.byteLength > INPUT_BYTES_MAX ? undefined : bytes;
  } catch {
    return undefined;
  }
}

function treeIn({ grammar }: FuzzTarget, bytes: Uint8Array): unknown {
  if (grammar === "json") return JSON.parse(Buffer.from(bytes).toString());
  return decodeCbor("corpus", bytes, Infinity, (value: unknown) => value);
}
