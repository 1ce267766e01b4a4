import { seededRandom } from "../support/seeded-random.ts";

/** Chance that a seed decides, in the forms in which mutations ask for it. */
export interface Random {
  /** From 0 to `below` - 1. */
  readonly integer: (below: number) => number;
  readonly chance: (share: number) => boolean;
  /** One of a list that has at least one. */
  readonly pick: <T>(list: readonly T[]) => T;
}

export function openRandom(seed: number): Random {
  const next = seededRandom(seed);
  const integer = (below: number) => Math.floor(next() * below);
  return {
    integer,
    chance: (share) => next() < share,
    pick: (list) => {
      const picked = list[integer(list.length)];
      if (picked === undefined) throw new Error("nothing to pick from");
      return picked;
    },
  };
}

/** A seed of its own for each name, so that one target's inputs do not depend on which others are tried. */
export function seedFor(seed: number, name: string): number {
  let mixed = seed >>> 0;
  for (const character of name) mixed = Math.imul(mixed ^ (character.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  return mixed;
}
