/** How a version gets its traffic while devices watch it, as people write it: `replace`, `shadow`, `shadow: 50%`, `split: 10%`. */
import type { SoakTraffic } from "../../protocol/trust/soak-traffic.ts";
import { readShare, shareText } from "./human-values.ts";

/** Undefined for anything else. `shadow` alone: a copy of every request. */
export function readMode(text: string): SoakTraffic | "replace" | undefined {
  if (text === "replace") return "replace";
  const [, kind, rest] = /^(shadow|split)(?:\s*:\s*(.+))?$/.exec(text.trim()) ?? [];
  const share = rest === undefined ? 1 : readShare(rest);
  if (kind === undefined || share === undefined) return undefined;
  return modeOf(kind === "shadow" ? { shadow: share } : { split: share });
}

/** Undefined where the share is none of that mode. */
export function modeOf(shares: {
  readonly shadow?: number | undefined;
  readonly split?: number | undefined;
}): SoakTraffic | undefined {
  const { shadow, split } = shares;
  if (shadow !== undefined && split === undefined && shadow > 0 && shadow <= 1)
    return { kind: "shadow", share: shadow };
  if (split !== undefined && shadow === undefined && split > 0 && split < 1) return { kind: "split", share: split };
  return undefined;
}

export function modeText(mode: SoakTraffic | undefined): string {
  if (mode === undefined) return "replace";
  return mode.kind === "shadow" && mode.share === 1 ? "shadow" : `${mode.kind}: ${shareText(mode.share)}`;
}
