/** How a simulated model behaves: what a person says about versions, and chance from a seed. Pure. */
import type { ModelJson } from "../../protocol/bundle/model-json.ts";
import { EXIT, FerryError } from "../../common/ferry-error.ts";

/** What is wrong with a version. */
export const FAULTS = ["self-test", "errors", "nan", "crashes", "slow", "disagrees"] as const;
export type Fault = (typeof FAULTS)[number];

export interface Conduct {
  /** Share of the devices on which a version that is not named in `bad` fails its self-test. */
  readonly failRate: number;
  /** Median of the time in the model; its 95th percentile is half as much again. */
  readonly latencyMs: number;
  /** By `model@version`. */
  readonly bad: ReadonlyMap<string, Fault>;
}

/** A version that answers wrongly does so this often: clear to see within a minute of a fleet's traffic. */
export const BAD_SHARE = 0.1;
/** How much longer a slow version takes. */
export const SLOW_FACTOR = 3;

export function faultOf({ bad }: Conduct, { name, version }: Pick<ModelJson, "name" | "version">): Fault | undefined {
  return bad.get(`${name}@${version}`);
}

/** `digits@1.4.0=errors`. Throws `usage`. */
export function parseBad(text: string): readonly [string, Fault] {
  const [, label, name] = /^([^@=]+@[^=]+)=(.+)$/.exec(text) ?? [];
  const fault = FAULTS.find((one) => one === name);
  if (label === undefined || fault === undefined) {
    throw new FerryError("usage", `--bad ${text}: which version, and what is wrong with it?`, {
      hint: `Write it like digits@1.4.0=errors; there are ${FAULTS.join(", ")}.`,
      exitCode: EXIT.usage,
    });
  }
  return [label, fault];
}

/** In [0, 1), the same for the same seed and text: mulberry32 over FNV-1a. */
export function chanceOf(seed: number, text: string): number {
  let hash = 0x811c9dc5 ^ seed;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  let mixed = (hash + 0x6d2b79f5) >>> 0;
  mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
}
