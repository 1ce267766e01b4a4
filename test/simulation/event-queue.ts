/** Virtual time: what is to happen, in the order of its time, and of its announcement where two share one. */
export interface EventQueue {
  readonly nowMs: () => number;
  readonly after: (ms: number, act: () => void) => void;
  /** Does what is due until then; `seen` is called after each. Gives how many events there were. */
  readonly runUntil: (endMs: number, seen: () => void) => number;
}

interface Entry {
  readonly atMs: number;
  readonly order: number;
  readonly act: () => void;
}

export function createEventQueue(startMs: number): EventQueue {
  const heap: Entry[] = [];
  let nowMs = startMs;
  let order = 0;

  return {
    nowMs: () => nowMs,
    after: (ms, act) => {
      order += 1;
      push(heap, { atMs: nowMs + Math.max(0, ms), order, act });
    },
    runUntil: (endMs, seen) => {
      let events = 0;
      for (let next = heap[0]; next !== undefined && next.atMs <= endMs; next = heap[0]) {
        pop(heap);
        nowMs = next.atMs;
        next.act();
        seen();
        events += 1;
      }
      nowMs = endMs;
      return events;
    },
  };
}

function isBefore(one: Entry, other: Entry): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);
}

/** A binary heap: a simulation has some ten thousand events waiting, and takes a million in a second. */
function push(heap: Entry[], entry: Entry): void {
  let at = heap.length;
  while (at > 0) {
    const above = (at - 1) >> 1;
    const parent = heap[above];
    if (parent === undefined || isBefore(parent, entry)) break;
    heap[at] = parent;
    at = above;
  }
  heap[at] = entry;
}

function pop(heap: Entry[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let at = 0;
  for (;;) {
    let below = 2 * at + 1;
    let child = heap[below];
    const other = heap[below + 1];
    if (child !== undefined && other !== undefined && isBefore(other, child)) {
      below += 1;
      child = other;
    }
    if (child === undefined || !isBefore(child, last)) break;
    heap[at] = child;
    at = below;
  }
  heap[at] = last;
}
