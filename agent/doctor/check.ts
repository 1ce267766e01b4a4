/** One thing that was looked at: what was found, and what to do about it. */
export interface Check {
  /** Stable, for programs: `disk`, `clock`, `broker`. */
  readonly name: string;
  readonly verdict: "ok" | "warn" | "fail";
  /** A sentence without its full stop. */
  readonly found: string;
  /** A sentence or two; absent where nothing is to be done. */
  readonly todo?: string;
  /** What somebody may want to know beside it, a sentence each. */
  readonly more?: readonly string[];
}

/** Of a fact that could not be had, why not. */
export type Fact<T> =
  { readonly kind: "known"; readonly value: T } | { readonly kind: "unknown"; readonly why: string };

export const ok = (name: string, found: string): Check => ({ name, verdict: "ok", found });
export const warn = (name: string, found: string, todo: string): Check => ({ name, verdict: "warn", found, todo });
export const fail = (name: string, found: string, todo: string): Check => ({ name, verdict: "fail", found, todo });
