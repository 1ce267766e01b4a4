import { seededRandom } from "../support/seeded-random.ts";

/**
 * A source of chance of its own for each purpose: leaving one device or fault out of a run changes nothing for the
 * others, which is what makes a failing run shrink.
 */
export function randomFor(seed: number, purpose: string): () => number {
  // FNV-1a: any hash that spreads will do.
  let hash = 0x811c9dc5 ^ seed;
  for (let at = 0; at < purpose.length; at += 1) hash = Math.imul(hash ^ purpose.charCodeAt(at), 0x01000193);
  return seededRandom(hash);
}

export function between(random: () => number, least: number, most: number): number {
  return least + random() * (most - least);
}
