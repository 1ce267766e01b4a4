/** Cells of report tables: the text that a person reads, and the value that a program or a spreadsheet takes. */
import type { ReportCell, Tone } from "./document.ts";

export function textCell(text: string, tone?: Tone): ReportCell {
  return { text, ...toned(tone) };
}

export function countCell(count: number, tone?: Tone): ReportCell {
  return { text: grouped(count), value: count, ...toned(tone) };
}

/** Of a ratio from 0 to 1. */
export function shareCell(share: number, tone?: Tone): ReportCell {
  return { text: percentText(share), value: share, ...toned(tone) };
}

export function latencyCell(ms: number | undefined): ReportCell {
  return ms === undefined ? { text: "–", value: "" } : { text: latencyText(ms), value: rounded(ms) };
}

export function instantCell(atMs: number | undefined): ReportCell {
  return atMs === undefined ? { text: "–", value: "" } : { text: instantText(atMs) };
}

/** With a thin space between thousands. */
export function grouped(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

export function percentText(share: number): string {
  const value = 100 * share;
  if (value === 0 || value === 100) return `${value} %`;
  return `${value.toFixed(value < 1 || value > 99 ? 2 : 1)} %`;
}

export function latencyText(ms: number): string {
  return `${ms < 10 ? ms.toFixed(2) : ms.toFixed(1)} ms`;
}

/** As spreadsheets read it as a time, too. Always UTC. */
export function instantText(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 19).replace("T", " ");
}

/** `42 s`, `5 min`, `3 h`, `12 d`: the largest unit that fits. */
export function spanText(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3_600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** Six significant digits: more is noise, and hides what changed. */
function rounded(value: number): number {
  return Number(value.toPrecision(6));
}

function toned(tone: Tone | undefined) {
  return tone === undefined ? {} : { tone };
}
