import { EXIT, FerryError } from "../../common/ferry-error.ts";

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `90`, `90s`, `5m`, `2h`, `1d`, `500ms`, in milliseconds; a number alone counts seconds. Throws a usage error. */
export function durationMs(text: string): number {
  const [, number, unit = "s"] = /^([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)?$/.exec(text) ?? [];
  const ms = Math.round(Number(number) * (UNIT_MS[unit] ?? Number.NaN));
  if (ms >= 1) return ms;
  throw new FerryError("usage", `${JSON.stringify(text)} is not a time`, {
    hint: "Write it like 90s, 5m, 2h or 1d; a number alone counts seconds.",
    exitCode: EXIT.usage,
  });
}
