/**
 * When a rollout may begin devices: a cron expression opens the window by the clocks of a time zone, and it closes a fixed
 * time later. Openings that touch each other are one window.
 */
import { openingsFrom, parseCron, type Cron } from "./cron.ts";
import type { RolloutWindow } from "./rollout-spec.ts";
import { isTimeZone } from "./wall-clock.ts";

export interface WindowView {
  readonly open: boolean;
  /** The opening that counts: the last one while it is open, the next one while it is closed. */
  readonly opensAtMs: number;
  /** When that window closes. */
  readonly closesAtMs: number;
}

/** A window that has not closed by then is as good as never closed; the next look goes further. */
const LOOK_AHEAD_MS = 40 * 86_400_000;

/** Undefined where no opening is left, which `windowMistake` refuses beforehand. */
export function windowAt({ cron, durationMs, timezone }: RolloutWindow, nowMs: number): WindowView | undefined {
  const parsed = parseCron(cron);
  if (parsed.kind === "refused") return undefined;
  let view: WindowView | undefined;
  for (const opensAtMs of openingsFrom(parsed.cron, timezone, nowMs - durationMs)) {
    const closesAtMs = opensAtMs + durationMs;
    if (closesAtMs <= nowMs) continue;
    if (view !== undefined && (opensAtMs > view.closesAtMs || closesAtMs > nowMs + LOOK_AHEAD_MS)) return view;
    const isOpen = opensAtMs <= nowMs;
    const counts = view === undefined || isOpen ? opensAtMs : view.opensAtMs;
    view = { open: isOpen || view?.open === true, opensAtMs: counts, closesAtMs };
  }
  return view;
}

export interface WindowMistake {
  readonly field: keyof RolloutWindow;
  /** What is wrong and what to write instead. */
  readonly text: string;
}

/** What is wrong with a window, in words; undefined where nothing is. */
export function windowMistake(window: RolloutWindow, nowMs: number): WindowMistake | undefined {
  const parsed = parseCron(window.cron);
  if (parsed.kind === "refused") return { field: "cron", text: parsed.why };
  if (!isTimeZone(window.timezone)) {
    const text = `there is no time zone ${JSON.stringify(window.timezone)}; write it as Europe/Oslo or UTC`;
    return { field: "timezone", text };
  }
  if (windowAt(window, nowMs) === undefined) {
    return { field: "cron", text: `"${window.cron}" names no date of the next ten years: the window would never open` };
  }
  return isAlwaysOpen(parsed.cron, window, nowMs)
    ? { field: "durationMs", text: "each opening lasts until the next one, so it never closes: leave the window out" }
    : undefined;
}

/** A year without a moment outside the window. */
function isAlwaysOpen(cron: Cron, { durationMs, timezone }: RolloutWindow, nowMs: number): boolean {
  let closesAtMs: number | undefined;
  for (const opensAtMs of openingsFrom(cron, timezone, nowMs)) {
    if (closesAtMs !== undefined && opensAtMs > closesAtMs) return false;
    closesAtMs = opensAtMs + durationMs;
    if (closesAtMs > nowMs + YEAR_MS) return true;
  }
  return false;
}

const YEAR_MS = 366 * 86_400_000;
