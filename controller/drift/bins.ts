/** Two distributions of one feature, bin by bin. Pure. */
import type { CategoryCounts } from "../../protocol/category-counts.ts";
import type { ValueSketch } from "../../protocol/value-sketch.ts";
import type { PairedCounts, PairedValues } from "./statistics.ts";

/** Bins of about equal shares of the reference; a value that is more frequent than that has one of its own. */
export const BINS = 10;

/** The bins of both sketches in the frame of the reference. */
export function pairedValues(reference: ValueSketch, current: ValueSketch): PairedValues {
  const counts = new Map<number, [number, number]>();
  const add = (sketch: ValueSketch, side: 0 | 1) => {
    for (const { at, count } of sketch.inFrame(reference.frame).bins()) {
      const pair = counts.get(at) ?? [0, 0];
      pair[side] += count;
      counts.set(at, pair);
    }
  };
  add(reference, 0);
  add(current, 1);
  const ascending = [...counts].sort(([a], [b]) => a - b);
  return {
    at: ascending.map(([at]) => at),
    reference: ascending.map(([, [count]]) => count),
    current: ascending.map(([, [, count]]) => count),
  };
}

/** One bin of the reference's quantiles; `to` is where the next one begins. */
export interface QuantileBin {
  readonly from: number;
  readonly to: number;
  readonly reference: number;
  readonly current: number;
}

/**
 * Fewer, larger bins by the quantiles of the reference, which do not depend on what is compared with it. Values beyond all of the
 * reference belong to its outermost bin, unless that bin is one frequent value: beside a constant, anything else is another bin.
 */
export function quantileBins({ at, reference, current }: PairedValues, bins = BINS): readonly QuantileBin[] {
  const share = reference.reduce((sum, count) => sum + count, 0) / bins;
  const groups: Group[] = [];
  let open: Group | undefined;
  for (const [index, place] of at.entries()) {
    const [ref, cur] = [reference[index] ?? 0, current[index] ?? 0];
    const isAtom = ref >= share && ref > 0;
    if (isAtom && open !== undefined) {
      groups.push(open);
      open = undefined;
    }
    open ??= { from: place, to: place, reference: 0, current: 0, isAtom };
    open = { ...open, to: place, reference: open.reference + ref, current: open.current + cur };
    if (open.reference < share || open.reference === 0) continue;
    groups.push(open);
    open = undefined;
  }
  return joined(open === undefined ? groups : [...groups, open], share);
}

interface Group extends QuantileBin {
  readonly isAtom: boolean;
}

/** What holds too little of the reference joins a neighbour that is no single value, where there is one. */
function joined(groups: readonly Group[], share: number): readonly QuantileBin[] {
  const kept: Group[] = [];
  for (const group of groups) {
    const last = kept.at(-1);
    const isSmall = group.reference < share / 2;
    if (isSmall && !group.isAtom && last !== undefined && !last.isAtom) kept[kept.length - 1] = union(last, group);
    else kept.push(group);
  }
  const [first, second, ...rest] = kept;
  const startsSmall = first !== undefined && second !== undefined && first.reference < share / 2;
  return startsSmall && !second.isAtom ? [union(first, second), ...rest] : kept;
}

function union(one: Group, other: Group): Group {
  return {
    from: one.from,
    to: other.to,
    reference: one.reference + other.reference,
    current: one.current + other.current,
    isAtom: false,
  };
}

/** A bin for each category that the reference has, and one for all others. */
export function pairedCategories(
  reference: CategoryCounts,
  current: CategoryCounts,
): PairedCounts & { readonly names: readonly string[]; readonly unknown: number } {
  const known = reference.entries();
  const currents = known.map(([name]) => current.of(name));
  const unknown = current.count - currents.reduce((sum, count) => sum + count, 0);
  return {
    names: [...known.map(([name]) => name), "(other)"],
    reference: [...known.map(([, count]) => count), reference.other],
    current: [...currents, unknown],
    unknown,
  };
}
