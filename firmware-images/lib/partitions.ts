/** Where everything lies on the card: three partitions, of which the last one grows. */
import type { Board } from "./board.ts";

/** In MiB, which is what cards are erased in. */
export interface PartitionPlan {
  readonly bootAt: number;
  readonly bootSize: number;
  readonly rootAt: number;
  readonly rootSize: number;
  readonly dataAt: number;
  readonly dataSize: number;
  readonly total: number;
}

/** Before the first partition: Raspberry Pi OS leaves 4 MiB as well, so that partitions begin where the card's blocks do. */
const FIRST_AT = 4;
/** Two kernels with their initial file systems, and the loader. */
const BOOT_SIZE = 160;
/** The root partition is written once in its life: room for its own tables, and for what a repair needs. */
const ROOT_SPARE_SHARE = 0.1;
const ROOT_SPARE = 48;
/** At first start it is given the rest of the card: until then it holds what Debian put below /var. */
const DATA_SIZE = 256;
/** GPT's copy. */
const END = 1;

/** `rootFiles`: what the root file system holds, in MiB. */
export function planPartitions(rootFiles: number, { partitionTable }: Pick<Board, "partitionTable">): PartitionPlan {
  const rootAt = FIRST_AT + BOOT_SIZE;
  const rootSize = roundUp(rootFiles * (1 + ROOT_SPARE_SHARE) + ROOT_SPARE, 4);
  const dataAt = rootAt + rootSize;
  const end = dataAt + DATA_SIZE + END;
  return {
    bootAt: FIRST_AT,
    bootSize: BOOT_SIZE,
    rootAt,
    rootSize,
    dataAt,
    dataSize: DATA_SIZE,
    // Emulated SD cards have a power of two; real ones are larger than any of this.
    total: partitionTable === "dos" ? 2 ** Math.ceil(Math.log2(end)) : end,
  };
}

function roundUp(value: number, step: number): number {
  return Math.ceil(value / step) * step;
}

/** What `sfdisk` reads. */
export function partitionScript(plan: PartitionPlan, table: Board["partitionTable"]): string {
  const gpt = table === "gpt";
  const parts = [
    { at: plan.bootAt, size: plan.bootSize, type: gpt ? "type=uefi, name=boot" : "type=c, bootable" },
    { at: plan.rootAt, size: plan.rootSize, type: gpt ? "type=linux, name=root" : "type=83" },
    { at: plan.dataAt, size: plan.dataSize, type: gpt ? "type=linux, name=data" : "type=83" },
  ];
  const lines = parts.map(({ at, size, type }) => `start=${at}MiB, size=${size}MiB, ${type}`);
  return [`label: ${table}`, ...lines, ""].join("\n");
}
