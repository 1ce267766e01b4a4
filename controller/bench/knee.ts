/** Where more load stops bringing more answers. Pure. */
import type { Measurement } from "./load.ts";

/** Under open load: fewer answers than this share of what was asked, and the model does not keep up. */
const KEPT_SHARE = 0.97;

/** Under closed load: a step that brings less than this much of what its callers promised is beyond the knee. */
const GAIN_SHARE = 0.25;

/** One sentence about a sweep of loads of one kind; undefined where there are too few to say anything. */
export function kneeSentence(measurements: readonly Measurement[]): string | undefined {
  const rates = measurements.filter(({ load }) => load.kind === "rate");
  return rateSentence(rates) ?? callersSentence(measurements.filter(({ load }) => load.kind === "callers"));
}

function rateSentence(measurements: readonly Measurement[]): string | undefined {
  if (measurements.length < 2) return undefined;
  const ascending = measurements.toSorted((a, b) => asked(a) - asked(b));
  const broken = ascending.findIndex((one) => one.perSecond < KEPT_SHARE * asked(one));
  const kept = broken === -1 ? ascending.at(-1) : ascending[broken - 1];
  if (kept === undefined) return `It keeps up with none of these rates: ${answered(ascending[0])} at the lowest.`;
  const tail = kept.p99Ms === undefined ? "" : `, p99 ${kept.p99Ms.toFixed(1)} ms`;
  return broken === -1
    ? `It keeps up with all of these rates, ${asked(kept)} a second included${tail}: the knee lies beyond.`
    : `It keeps up with ${asked(kept)} requests a second${tail}, and no longer with ${asked(ascending[broken])}.`;
}

function callersSentence(measurements: readonly Measurement[]): string | undefined {
  if (measurements.length < 2) return undefined;
  const ascending = measurements.toSorted((a, b) => callersOf(a) - callersOf(b));
  for (const [at, next] of ascending.entries()) {
    const former = ascending[at - 1];
    if (former === undefined || former.perSecond === 0) continue;
    const promised = callersOf(next) / callersOf(former) - 1;
    const gained = next.perSecond / former.perSecond - 1;
    if (gained >= GAIN_SHARE * promised) continue;
    return `Beyond ${callersText(former)} little is gained: ${answered(former)} there, ${answered(next)} with ${callersText(next)}, which only wait longer.`;
  }
  const last = ascending.at(-1);
  return `Throughput still grows at ${callersText(last)} (${answered(last)}): the knee lies beyond.`;
}

function asked(one: Measurement | undefined): number {
  return one?.load.kind === "rate" ? one.load.perSecond : 0;
}

function callersOf(one: Measurement | undefined): number {
  return one?.load.kind === "callers" ? one.load.callers : 0;
}

function callersText(one: Measurement | undefined): string {
  const count = callersOf(one);
  return count === 1 ? "1 caller" : `${count} callers`;
}

function answered(one: Measurement | undefined): string {
  return `${(one?.perSecond ?? 0).toFixed(0)} answers a second`;
}
