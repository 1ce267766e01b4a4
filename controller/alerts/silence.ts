import { Type, type Static } from "typebox";

/** `device=cam-1`, `site!=oslo`, `device=cam-*`: a star at the end stands for anything. */
export const Matcher = Type.Object({
  label: Type.String({ pattern: "^[A-Za-z_][A-Za-z0-9_.-]{0,62}$" }),
  isEqual: Type.Boolean(),
  value: Type.String({ maxLength: 256 }),
});
export type Matcher = Static<typeof Matcher>;

/** Nobody is told of alerts that match all of `matchers`, until it ends. */
export interface Silence {
  readonly id: number;
  readonly matchers: readonly Matcher[];
  readonly untilMs: number;
  readonly by: string;
  readonly comment: string;
  readonly createdMs: number;
}

/** At once; more than a person oversees. */
export const SILENCES_MAX = 500;
export const MATCHERS_MAX = 10;

/** `rule` and `severity` are labels as well. */
export function isSilenced(
  alert: { readonly rule: string; readonly severity: string; readonly labels: Readonly<Record<string, string>> },
  silences: readonly Silence[],
  nowMs: number,
): boolean {
  const labels = { ...alert.labels, rule: alert.rule, severity: alert.severity };
  return silences.some(
    ({ untilMs, matchers }) => untilMs > nowMs && matchers.every((matcher) => matches(labels, matcher)),
  );
}

function matches(labels: Readonly<Record<string, string | undefined>>, { label, isEqual, value }: Matcher): boolean {
  const own = labels[label] ?? "";
  const found = value.endsWith("*") ? own.startsWith(value.slice(0, -1)) : own === value;
  return found === isEqual;
}

/** Undefined where it is none. */
export function parseMatcher(text: string): Matcher | undefined {
  const [, label, sign, value] = /^([A-Za-z_][A-Za-z0-9_.-]{0,62})(!?=)(.{0,256})$/.exec(text) ?? [];
  if (label === undefined || value === undefined) return undefined;
  return { label, isEqual: sign === "=", value };
}

export function matcherText({ label, isEqual, value }: Matcher): string {
  return `${label}${isEqual ? "=" : "!="}${value}`;
}
