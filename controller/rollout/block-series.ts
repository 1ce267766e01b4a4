/**
 * Measurements of one device in the order of time, and how much they really tell: requests that follow each other on one
 * device fail together, are slow together, and show the same scene.
 */

/** A stretch of one device's time: `total` of `weight` (failures of requests, crashes of seconds, a value of one record). */
export interface Block {
  readonly total: number;
  readonly weight: number;
}

/** Beyond it neighbours are joined: a soak of a day keeps blocks of some minutes. */
const BLOCKS_MAX = 256;

/** One device's blocks; bounded however long it is watched. */
export class BlockSeries {
  #blocks: Block[] = [];
  /** Additions that one block holds. */
  #additions = 1;
  #open: Block = NOTHING;
  #openAdditions = 0;

  add(total: number, weight: number): void {
    if (weight <= 0) return;
    this.#open = joined(this.#open, { total, weight });
    this.#openAdditions += 1;
    if (this.#openAdditions < this.#additions) return;
    this.#blocks.push(this.#open);
    [this.#open, this.#openAdditions] = [NOTHING, 0];
    if (this.#blocks.length < BLOCKS_MAX) return;
    this.#blocks = joinedPairs(this.#blocks);
    this.#additions *= 2;
  }

  /** Those that are whole, and what has begun. */
  blocks(): readonly Block[] {
    return this.#openAdditions === 0 ? this.#blocks : [...this.#blocks, this.#open];
  }
}

const NOTHING: Block = { total: 0, weight: 0 };

function joined(a: Block, b: Block): Block {
  return { total: a.total + b.total, weight: a.weight + b.weight };
}

/** An odd one at the end stays as it is. */
function joinedPairs(blocks: readonly Block[]): Block[] {
  const pairs: Block[] = [];
  for (let at = 0; at < blocks.length; at += 2) pairs.push(joined(blocks[at] ?? NOTHING, blocks[at + 1] ?? NOTHING));
  return pairs;
}

/** The blocks of several devices, a list for each. */
export type DeviceBlocks = readonly (readonly Block[])[];

export function sumOf(devices: DeviceBlocks): Block {
  let [total, weight] = [0, 0];
  for (const blocks of devices) {
    for (const block of blocks) {
      total += block.total;
      weight += block.weight;
    }
  }
  return { total, weight };
}

/** Blocks beyond the first of each device from which a spread can be told at all: a minute of two devices. */
export const FREEDOM_MIN = 10;

/**
 * The variance of one unit of weight, so that this over the whole weight is the variance of the overall mean; undefined
 * while there are too few blocks. Blocks are joined again and again, and the largest variance seen counts: where neighbours
 * are correlated it grows until the blocks are longer than what joins them. Flyvbjerg and Petersen, "Error estimates on
 * averages of correlated data", J. Chem. Phys. 91 (1989). Each device is held against its own mean: that devices differ is
 * no noise, they are the same ones before and after.
 */
export function unitVariance(devices: DeviceBlocks): number | undefined {
  let largest: number | undefined;
  for (let level = devices; freedom(level) >= FREEDOM_MIN; level = level.map(joinedPairs)) {
    largest = Math.max(largest ?? 0, varianceAt(level));
  }
  return largest;
}

function freedom(devices: DeviceBlocks): number {
  return devices.reduce((sum, blocks) => sum + Math.max(0, blocks.length - 1), 0);
}

function varianceAt(devices: DeviceBlocks): number {
  let [squares, weights, blocksCount] = [0, 0, 0];
  for (const blocks of devices) {
    const { total, weight } = sumOf([blocks]);
    for (const block of blocks) squares += (block.total - (block.weight * total) / weight) ** 2;
    weights += weight;
    blocksCount += blocks.length;
  }
  return (squares / weights) * (blocksCount / freedom(devices));
}

/** Two minutes of a device that is always busy. */
const STRETCH_BLOCKS = 12;

/** All but the stretch of one device in which most was above the average. */
export function withoutWorstStretch(devices: DeviceBlocks): DeviceBlocks {
  const { total, weight } = sumOf(devices);
  let worst = { device: -1, from: 0, excess: 0 };
  for (const [device, blocks] of devices.entries()) {
    let excess = 0;
    for (const [at, block] of blocks.entries()) {
      const left = blocks[at - STRETCH_BLOCKS] ?? NOTHING;
      excess += block.total - left.total - ((block.weight - left.weight) * total) / weight;
      if (excess > worst.excess) worst = { device, from: Math.max(0, at + 1 - STRETCH_BLOCKS), excess };
    }
  }
  return devices.map((blocks, device) =>
    device === worst.device ? blocks.toSpliced(worst.from, STRETCH_BLOCKS) : blocks,
  );
}
