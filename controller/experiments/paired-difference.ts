/**
 * The difference of two versions that answer side by side on the same devices, and how sure it is. Pure.
 *
 * A block is a stretch of one device's time with what both did in it: minutes in which a device is slow or its scene is hard
 * befall both, and cancel. Each device is held against itself and the differences are averaged (as Cochran weighs strata), so
 * that slow and fast devices do not pass for slow and fast versions. The variance is that of the blocks' parts of the
 * difference (Liang and Zeger, Biometrika 73, 1986: clusters), with neighbours joined for as long as that makes it grow
 * (Flyvbjerg and Petersen, J. Chem. Phys. 91, 1989); and where there are enough of them, that of whole devices counts too.
 */

/** `total` of `weight`, such as failures of requests: of A, which serves, and B, the candidate. */
export interface ArmBlock {
  readonly aTotal: number;
  readonly aWeight: number;
  readonly bTotal: number;
  readonly bWeight: number;
}

/** In the order of time, a list for each device. */
export type DeviceArms = readonly (readonly ArmBlock[])[];

export interface Difference {
  /** Averages over the devices, weighed alike for both. */
  readonly a: number;
  readonly b: number;
  /** b − a. */
  readonly difference: number;
  /** Of the difference; undefined while there are too few blocks to tell. */
  readonly variance: number | undefined;
  /** Of the devices on which both answered. */
  readonly sums: ArmBlock;
}

/** Blocks beyond the first of each device, below which a spread is a guess. */
export const FREEDOM_MIN = 20;
/** Devices from which on their own spread tells something. */
const DEVICES_MIN = 10;

const NOTHING: ArmBlock = { aTotal: 0, aWeight: 0, bTotal: 0, bWeight: 0 };

/** Undefined where no device has both. */
export function pairedDifference(all: DeviceArms): Difference | undefined {
  const devices = all.map(deviceOf).filter(({ weight }) => weight > 0);
  const whole = devices.reduce((sum, { weight }) => sum + weight, 0);
  if (whole === 0) return undefined;
  const shares = devices.map((device) => ({ ...device, share: device.weight / whole }));
  const mean = (of: (device: Device) => number) => shares.reduce((sum, one) => sum + one.share * of(one), 0);
  const [a, b] = [mean(({ sums }) => sums.aTotal / sums.aWeight), mean(({ sums }) => sums.bTotal / sums.bWeight)];
  return {
    a,
    b,
    difference: b - a,
    variance: varianceOf(shares, b - a),
    sums: joinedAll(devices.map(({ sums }) => sums)),
  };
}

interface Device {
  readonly blocks: readonly ArmBlock[];
  readonly sums: ArmBlock;
  /** What the device's own difference is worth: the harmonic sum of both counts. */
  readonly weight: number;
}

function deviceOf(blocks: readonly ArmBlock[]): Device {
  const sums = joinedAll(blocks);
  const { aWeight, bWeight } = sums;
  return { blocks, sums, weight: aWeight <= 0 || bWeight <= 0 ? 0 : (aWeight * bWeight) / (aWeight + bWeight) };
}

/** The weights of the devices in the average, which add up to 1. */
export function deviceShares(all: DeviceArms): readonly number[] {
  const weights = all.map((blocks) => deviceOf(blocks).weight);
  const whole = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => (whole === 0 ? 0 : weight / whole));
}

interface Shared extends Device {
  readonly share: number;
}

function varianceOf(devices: readonly Shared[], difference: number): number | undefined {
  let largest: number | undefined;
  for (let level = devices; freedom(level) >= FREEDOM_MIN; level = level.map(joinedPairs)) {
    largest = Math.max(largest ?? 0, betweenBlocks(level));
  }
  if (largest === undefined || devices.length < DEVICES_MIN) return largest;
  return Math.max(largest, betweenDevices(devices, difference));
}

function freedom(devices: readonly Device[]): number {
  return devices.reduce((sum, { blocks }) => sum + blocks.length - 1, 0);
}

function betweenBlocks(devices: readonly Shared[]): number {
  let [variance, blocksCount] = [0, 0];
  for (const { blocks, sums, share } of devices) {
    const [a, b] = [sums.aTotal / sums.aWeight, sums.bTotal / sums.bWeight];
    let squares = 0;
    for (const block of blocks) {
      const ofB = (block.bTotal - block.bWeight * b) / sums.bWeight;
      const ofA = (block.aTotal - block.aWeight * a) / sums.aWeight;
      squares += (ofB - ofA) ** 2;
    }
    variance += share ** 2 * squares;
    blocksCount += blocks.length;
  }
  return variance * (blocksCount / freedom(devices));
}

function betweenDevices(devices: readonly Shared[], difference: number): number {
  const squares = devices.reduce((sum, { sums, share }) => {
    const own = sums.bTotal / sums.bWeight - sums.aTotal / sums.aWeight;
    return sum + share ** 2 * (own - difference) ** 2;
  }, 0);
  return squares * (devices.length / (devices.length - 1));
}

function joinedPairs(device: Shared): Shared {
  const blocks: ArmBlock[] = [];
  for (let at = 0; at < device.blocks.length; at += 2) {
    blocks.push(joinedBlocks(device.blocks[at] ?? NOTHING, device.blocks[at + 1] ?? NOTHING));
  }
  return { ...device, blocks };
}

export function joinedBlocks(one: ArmBlock, other: ArmBlock): ArmBlock {
  return {
    aTotal: one.aTotal + other.aTotal,
    aWeight: one.aWeight + other.aWeight,
    bTotal: one.bTotal + other.bTotal,
    bWeight: one.bWeight + other.bWeight,
  };
}

function joinedAll(blocks: readonly ArmBlock[]): ArmBlock {
  return blocks.reduce(joinedBlocks, NOTHING);
}
