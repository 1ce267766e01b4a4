/** What an experiment found about one metric, in words. Pure. */
import type { MetricResult } from "./experiment-shape.ts";

type Told = Omit<MetricResult, "text">;

/** A clause about B: `is slower by 1.2 to 1.9 ms at p95`. Undefined where nothing is beyond doubt. */
export function findingText(result: Told): string | undefined {
  const { low, high, verdict } = result;
  if (low === null || high === null || verdict === "open") return undefined;
  const name = nameOf(result);
  if (verdict === "same") {
    return `differs by no more than ${amountText(result, Math.max(Math.abs(low), Math.abs(high)))} in ${name}`;
  }
  const isMore = low > 0;
  const range = rangeText(result, Math.min(Math.abs(low), Math.abs(high)), Math.max(Math.abs(low), Math.abs(high)));
  const latency = LATENCY.exec(result.metric)?.[1];
  if (latency !== undefined) return `is ${isMore ? "slower" : "faster"} by ${range} at p${latency}`;
  if (result.metric === "accuracy") return `answers ${range} ${isMore ? "more" : "less"} rightly`;
  if (result.metric === "error_rate") return `fails ${range} ${isMore ? "more" : "fewer"} of its requests`;
  if (result.metric === "confidence") return `is ${range} ${isMore ? "surer" : "less sure"} of its classes`;
  return `has ${isMore ? "more" : "less"} ${name}, by ${range}`;
}

/** What is missing: `accuracy needs about 3,000 more labelled answers`. */
export function needText({ metric, a, b, samplesAre, difference, moreSamples }: Told): string {
  if (a.samples === 0 || b.samples === 0) {
    const whose = a.samples === 0 && b.samples === 0 ? "either version" : a.samples === 0 ? "A" : "B";
    return `${metric} has no ${samplesAre} of ${whose} yet`;
  }
  if (difference === null) return `${metric} has too few ${samplesAre} to say anything`;
  if (moreSamples === null) return `${metric} is not in sight of an answer with these ${samplesAre}`;
  return `${metric} needs about ${roundText(moreSamples)} more ${samplesAre}`;
}

export function metricText(result: Told): string {
  const finding = findingText(result);
  return finding === undefined ? `${capital(needText(result))}.` : `B ${finding}.`;
}

/** In the metric's unit: `0.4 points`, `1.2 ms`, `0.0213`. */
export function amountText({ unit }: Pick<Told, "unit">, value: number): string {
  const text = numberText(unit === "share" ? 100 * value : value);
  return unit === "share" ? `${text} ${text === "1" ? "point" : "points"}` : unit === "ms" ? `${text} ms` : text;
}

/** A figure as it was measured, not a difference: `97.2 %`, `1.2 ms`. */
export function figureText({ unit }: Pick<Told, "unit">, value: number | null): string {
  if (value === null) return "–";
  return unit === "share"
    ? `${(100 * value).toFixed(2)} %`
    : unit === "ms"
      ? `${numberText(value)} ms`
      : numberText(value);
}

function rangeText(result: Pick<Told, "unit">, low: number, high: number): string {
  const unit = result.unit === "share" ? " points" : result.unit === "ms" ? " ms" : "";
  const factor = result.unit === "share" ? 100 : 1;
  const [from, to] = [numberText(low * factor), numberText(high * factor)];
  return from === to ? `${to}${unit}` : `${from} to ${to}${unit}`;
}

/** Two digits are all that an interval has to say. */
const DIGITS = new Intl.NumberFormat("en", { maximumSignificantDigits: 2 });
const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

function numberText(value: number): string {
  const magnitude = Math.abs(value);
  if (magnitude >= 100) return WHOLE.format(value);
  if (magnitude >= 10) return value.toFixed(1);
  return DIGITS.format(value);
}

/** A guess has no more than two digits. */
export function roundText(count: number): string {
  return WHOLE.format(Number(count.toPrecision(2)));
}

const LATENCY = /^latency_p([0-9]+)_ms$/;

function nameOf({ metric }: Told): string {
  const latency = LATENCY.exec(metric)?.[1];
  if (latency !== undefined) return `latency at p${latency}`;
  return metric.replaceAll("_", " ");
}

function capital(text: string): string {
  return `${text[0]?.toUpperCase() ?? ""}${text.slice(1)}`;
}
