import { Type, type Static } from "typebox";

/** Providers that `model.json` lists, and so the most that can fail before one works. */
export const PROVIDERS_MAX = 8;
/** One sentence: a report of 16 slots must fit one publish. */
export const WHY_CHARS_MAX = 160;

/** An execution provider that was tried and is not what runs. */
export const FailedProvider = Type.Object({
  provider: Type.String({ maxLength: 32 }),
  /** A sentence without its full stop: `no CUDA device was found`. */
  why: Type.String({ maxLength: WHY_CHARS_MAX }),
});
export type FailedProvider = Static<typeof FailedProvider>;

/** Beside the default file, as many as a bundle may have. */
const VARIANTS_TOLD_MAX = 6;

/** One file of a bundle with variants, as it was measured; only `name` and `why` where it cannot be used here. */
export const VariantFigures = Type.Object({
  /** `default` for the file that `model.json` calls so. */
  name: Type.String({ maxLength: 32 }),
  provider: Type.Optional(Type.String({ maxLength: 32 })),
  latencyP50Ms: Type.Optional(Type.Number()),
  latencyP95Ms: Type.Optional(Type.Number()),
  memoryBytes: Type.Optional(Type.Integer({ minimum: 0 })),
  why: Type.Optional(Type.String({ maxLength: WHY_CHARS_MAX })),
});
export type VariantFigures = Static<typeof VariantFigures>;

/** Measured on the device, on its own hardware, before the model got any traffic. Times in milliseconds. */
export const Evidence = Type.Object({
  /** The execution provider that computes; operators that it lacks run on the processor. */
  provider: Type.String({ maxLength: 32 }),
  /** Those that `model.json` puts before it, in its order, each with why it is not used; absent: none. */
  failedProviders: Type.Optional(Type.Array(FailedProvider, { maxItems: PROVIDERS_MAX })),
  /** The file that serves, of a bundle with variants; absent for a bundle with one file. */
  variant: Type.Optional(Type.String({ maxLength: 32 })),
  /** What all variants that fit this device measured here when the choice was made. */
  variants: Type.Optional(Type.Array(VariantFigures, { maxItems: VARIANTS_TOLD_MAX })),
  /** Threads within one operator, where the device has measured with how many this model is best; absent: its usual share. */
  intraOpThreads: Type.Optional(Type.Integer({ minimum: 1 })),
  /** Settings of the provider that the onnxruntime-node of this device does not read; absent: none. */
  ignoredSettings: Type.Optional(Type.Array(Type.String({ maxLength: 64 }), { maxItems: 8 })),
  loadMs: Type.Number(),
  warmUpMs: Type.Number(),
  goldenCases: Type.Integer({ minimum: 0 }),
  goldenPassed: Type.Integer({ minimum: 0 }),
  latencyP50Ms: Type.Number(),
  latencyP95Ms: Type.Number(),
  /** Resident memory of the runner process after warm-up. */
  memoryBytes: Type.Integer({ minimum: 0 }),
  qualifiedAtMs: Type.Number(),
  /**
   * `load-first`: loaded beside what answered. `unload-first`: both did not fit, so requests waited in their queue
   * meanwhile. Absent where an older agent measured.
   */
  memoryMode: Type.Optional(Type.Union([Type.Literal("load-first"), Type.Literal("unload-first")])),
});
export type Evidence = Static<typeof Evidence>;
