/** Figures of gates as people read them. */
import { unreachable } from "../../protocol/unreachable.ts";
import type { GateMetric } from "./gate-metrics.ts";

const SHORT = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** `12,400`, `0.0213`: three digits, or all of a large number. */
export function numberText(value: number): string {
  return (Math.abs(value) < 1_000 ? SHORT : WHOLE).format(value);
}

/** With the metric's unit: `0.021 %`, `8.12 ms`, `0.4 per hour`. */
export function valueText({ unit }: GateMetric, value: number | null): string {
  if (value === null) return "unknown";
  switch (unit) {
    case "share":
      return `${shareDigits(100 * value)} %`;
    case "ms":
    case "per hour":
      return `${numberText(value)} ${unit}`;
    case "as recorded":
      return numberText(value);
    default:
      return unreachable(unit);
  }
}

/** Close to 100 the digits that matter are those of what is missing. */
function shareDigits(percent: number): string {
  if (percent < 90) return numberText(percent);
  const digits = percent > 99.9 ? 3 : percent > 99 ? 2 : 1;
  return String(Number(percent.toFixed(digits)));
}
