/**
 * Alerts from one look at the fleet to the next: nothing → pending → firing → resolved. Pure: what is stored before and
 * after is the same shape, so that a controller that starts again goes on where it was.
 */
import type { AlertSample } from "./alert-metrics.ts";
import type { AlertRule, Comparison } from "./alert-rule.ts";
import { fingerprint } from "./fingerprint.ts";

export interface Alert {
  /** The same for the same rule and labels, always. */
  readonly fingerprint: string;
  readonly rule: string;
  readonly metric: AlertRule["metric"];
  readonly severity: AlertRule["severity"];
  readonly labels: Readonly<Record<string, string>>;
  readonly phase: "pending" | "firing" | "resolved";
  /** When the condition began to hold. */
  readonly sinceMs: number;
  /** When it last began to fire; null while pending. */
  readonly firedMs: number | null;
  /** While firing: since when the condition has not held; null while it holds. */
  readonly clearMs: number | null;
  readonly resolvedMs: number | null;
  /** The last one that was measured. */
  readonly value: number;
  readonly threshold: number;
  readonly next: string | null;
  /** Of the last hour, ascending: when it began to fire. */
  readonly firings: readonly number[];
  /** Who has it in hand; until it resolves. */
  readonly ackedBy: string | null;
}

export interface Look {
  readonly rules: readonly AlertRule[];
  readonly samples: readonly AlertSample[];
  /** By fingerprint. */
  readonly before: ReadonlyMap<string, Alert>;
  readonly nowMs: number;
}

export interface Outcome {
  readonly alerts: readonly Alert[];
  /** Those that began to fire, or resolved, with this look. */
  readonly changed: readonly Alert[];
  /** Alerts that had no room any more. */
  readonly leftOut: number;
}

/** Alerts at once: ten thousand devices that go offline together. */
export const ALERTS_MAX = 20_000;
/** How long the condition must not hold before it counts as over: one good minute amid bad ones is none. */
const CLEAR_MS = 120_000;
/** So many firings within an hour: it flaps, and is over only when it was quiet for longer. */
const FLAPS_MIN = 3;
const FLAP_WINDOW_MS = 3_600_000;
const FLAPPING_CLEAR_MS = 1_800_000;
/** Resolved alerts are listed, and their flapping remembered, for this long. */
const RESOLVED_KEPT_MS = 24 * 3_600_000;

export function decideAlerts({ rules, samples, before, nowMs }: Look): Outcome {
  const after = new Map<string, Alert>();
  const changed: Alert[] = [];
  let leftOut = 0;
  const byMetric = Map.groupBy(samples, ({ metric }) => metric);
  for (const rule of rules.filter(({ enabled }) => enabled)) {
    for (const sample of byMetric.get(rule.metric) ?? []) {
      if (!hasLabels(sample.labels, rule.match ?? {})) continue;
      const id = fingerprintOf(rule, sample.labels);
      const known = before.get(id);
      const next = step(rule, sample, { id, known, nowMs });
      if (next === undefined) continue;
      if (after.size >= ALERTS_MAX) leftOut += 1;
      else after.set(id, next);
      if (next.phase !== "pending" && next.phase !== known?.phase) changed.push(next);
    }
  }
  // The device is gone, the version answers nothing any more, the rule was taken away: the condition does not hold.
  for (const known of before.values()) {
    if (after.has(known.fingerprint)) continue;
    const next = clear(known, nowMs);
    if (next === undefined) continue;
    after.set(known.fingerprint, next);
    if (next.phase !== known.phase) changed.push(next);
  }
  return { alerts: [...after.values()], changed: changed.filter((alert) => after.has(alert.fingerprint)), leftOut };
}

interface Known {
  readonly id: string;
  readonly known: Alert | undefined;
  readonly nowMs: number;
}

function step(rule: AlertRule, sample: AlertSample, { id, known, nowMs }: Known): Alert | undefined {
  if (!holds(sample.value, rule.is, rule.threshold)) {
    return known === undefined ? undefined : clear({ ...known, value: sample.value }, nowMs);
  }
  const measured = {
    fingerprint: id,
    rule: rule.name,
    metric: rule.metric,
    severity: rule.severity,
    labels: sample.labels,
    value: sample.value,
    threshold: rule.threshold,
    next: rule.next ?? null,
    clearMs: null,
  };
  const firings = (known?.firings ?? []).filter((atMs) => atMs > nowMs - FLAP_WINDOW_MS);
  if (known?.phase === "firing") return { ...known, ...measured, firings };
  const sinceMs = known?.phase === "pending" ? known.sinceMs : nowMs;
  const waiting: Alert = {
    ...measured,
    phase: "pending",
    sinceMs,
    firedMs: null,
    resolvedMs: null,
    firings,
    ackedBy: null,
  };
  // A clock that was set back must not make it wait for longer than it says.
  if (nowMs >= sinceMs && nowMs - sinceMs < rule.forMs) {
    // It resolved a moment ago: that stays to be told until it fires again.
    return known?.phase === "resolved" ? { ...waiting, resolvedMs: known.resolvedMs } : waiting;
  }
  return { ...waiting, phase: "firing", firedMs: nowMs, firings: [...firings, nowMs] };
}

function clear(known: Alert, nowMs: number): Alert | undefined {
  if (known.phase === "resolved") {
    return nowMs - (known.resolvedMs ?? nowMs) > RESOLVED_KEPT_MS ? undefined : known;
  }
  switch (known.phase) {
    case "pending":
      // What fired within the hour is remembered, so that flapping is seen.
      return known.firings.length === 0
        ? undefined
        : { ...known, phase: "resolved", resolvedMs: known.resolvedMs ?? nowMs, clearMs: null };
    case "firing": {
      const clearMs = known.clearMs ?? nowMs;
      const waitMs = isFlapping(known) ? FLAPPING_CLEAR_MS : CLEAR_MS;
      if (nowMs - clearMs < waitMs) return { ...known, clearMs };
      return { ...known, phase: "resolved", clearMs: null, resolvedMs: nowMs, ackedBy: null };
    }
  }
}

export function isFlapping({ firings }: Pick<Alert, "firings">): boolean {
  return firings.length >= FLAPS_MIN;
}

function holds(value: number, is: Comparison, threshold: number): boolean {
  switch (is) {
    case ">":
      return value > threshold;
    case ">=":
      return value >= threshold;
    case "<":
      return value < threshold;
    case "<=":
      return value <= threshold;
  }
}

export function hasLabels(labels: Readonly<Record<string, string>>, wanted: Readonly<Record<string, string>>): boolean {
  return Object.entries(wanted).every(([name, value]) => labels[name] === value);
}

/** What it is about, and not what it is labelled with besides: a device whose label changes has the same alert. */
const IDENTITY = ["device", "model", "version", "rollout"] as const;

function fingerprintOf({ name }: AlertRule, labels: Readonly<Record<string, string>>): string {
  return fingerprint([name, ...IDENTITY.map((label) => labels[label] ?? "")]);
}
