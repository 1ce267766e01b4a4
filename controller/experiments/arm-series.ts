import { Type, type Static } from "typebox";
import { joinedBlocks, type ArmBlock } from "./paired-difference.ts";

/** Beyond it neighbours are joined: an experiment of a week keeps blocks of an hour or two. */
const BLOCKS_MAX = 128;
/** Records of both versions that one flush of the device wrote are this close together. */
const SAME_FLUSH_MS = 1_000;

const Numbers = Type.Tuple([Type.Number(), Type.Number(), Type.Number(), Type.Number()]);

export const StoredSeries = Type.Object({
  blocks: Type.Array(Numbers),
  additions: Type.Integer({ minimum: 1 }),
  open: Numbers,
  openAdditions: Type.Integer({ minimum: 0 }),
  openAtMs: Type.Union([Type.Number(), Type.Null()]),
});
export type StoredSeries = Static<typeof StoredSeries>;

/** What both versions did on one device, interval by interval; bounded however long it lasts. */
export class ArmSeries {
  #blocks: ArmBlock[] = [];
  /** Intervals that one block holds. */
  #additions = 1;
  #open: ArmBlock = NOTHING;
  #openAdditions = 0;
  /** When the newest interval in the open block was told; null before the first. */
  #openAtMs: number | null = null;

  /** What one version did in the interval that ended at `atMs`, by the device's clock. */
  add(atMs: number, part: Partial<ArmBlock>): void {
    if (this.#openAtMs === null || Math.abs(atMs - this.#openAtMs) > SAME_FLUSH_MS) this.#next(atMs);
    this.#open = joinedBlocks(this.#open, { ...NOTHING, ...part });
  }

  /** Those that are whole, and what has begun. */
  blocks(): readonly ArmBlock[] {
    return this.#openAdditions === 0 ? this.#blocks : [...this.#blocks, this.#open];
  }

  toJSON(): StoredSeries {
    return {
      blocks: this.#blocks.map(numbersOf),
      additions: this.#additions,
      open: numbersOf(this.#open),
      openAdditions: this.#openAdditions,
      openAtMs: this.#openAtMs,
    };
  }

  static from(stored: StoredSeries): ArmSeries {
    const series = new ArmSeries();
    series.#blocks = stored.blocks.map(blockOf);
    series.#additions = stored.additions;
    series.#open = blockOf(stored.open);
    series.#openAdditions = stored.openAdditions;
    series.#openAtMs = stored.openAtMs;
    return series;
  }

  #next(atMs: number): void {
    this.#openAtMs = atMs;
    if (this.#openAdditions >= this.#additions) {
      this.#blocks.push(this.#open);
      [this.#open, this.#openAdditions] = [NOTHING, 0];
      if (this.#blocks.length >= BLOCKS_MAX) {
        this.#blocks = pairsOf(this.#blocks);
        this.#additions *= 2;
      }
    }
    this.#openAdditions += 1;
  }
}

const NOTHING: ArmBlock = { aTotal: 0, aWeight: 0, bTotal: 0, bWeight: 0 };

function pairsOf(blocks: readonly ArmBlock[]): ArmBlock[] {
  const pairs: ArmBlock[] = [];
  for (let at = 0; at < blocks.length; at += 2)
    pairs.push(joinedBlocks(blocks[at] ?? NOTHING, blocks[at + 1] ?? NOTHING));
  return pairs;
}

function numbersOf({ aTotal, aWeight, bTotal, bWeight }: ArmBlock): Static<typeof Numbers> {
  return [aTotal, aWeight, bTotal, bWeight];
}

function blockOf([aTotal, aWeight, bTotal, bWeight]: Static<typeof Numbers>): ArmBlock {
  return { aTotal, aWeight, bTotal, bWeight };
}
