/** How mutations understand the bytes of an input; every input is also mutated as mere bytes. */
export type Grammar = "bytes" | "text" | "json" | "cbor";

/** One decoder of bytes that come from outside. */
export interface FuzzTarget {
  readonly name: string;
  readonly grammar: Grammar;
  /** Inputs that the decoder takes: what others are made from. */
  readonly seeds: () => readonly Uint8Array[] | Promise<readonly Uint8Array[]>;
  /** Words that its inputs are made of, where chance alone would not find them. */
  readonly words?: readonly string[];
  /** Throws what `isRefusal` accepts, or whatever shows a fault; what it claims beyond that, it checks itself. */
  readonly decode: (input: Uint8Array) => unknown;
  /** Whether the decoder promises to throw this. */
  readonly isRefusal: (thrown: unknown) => boolean;
  /** Memory that one input may take beyond ALLOCATED_BYTES_MAX, where the decoder's own bound is a high one. */
  readonly allocatesBytes?: number;
  /** How many of the inputs of a cheap decoder take as long as one of this: 1 where absent. */
  readonly cost?: number;
}

/** An input that a decoder did not deal with as it promises. */
export interface FuzzFailure {
  readonly target: string;
  readonly why: string;
  readonly input: Uint8Array;
}

/** What a decoder did that it must never do. */
export class BrokenClaim extends Error {
  override readonly name = "BrokenClaim";
}
