/** A file of alert rules: YAML, `rules:` with a list. Every mistake is named with its line. */
import { LineCounter, parseDocument, type Document } from "yaml";
import { EXIT, FerryError, messageOf } from "../../common/ferry-error.ts";
import { refusalText } from "../rollout/document-lines.ts";
import {
  anyNumber,
  anyText,
  listOf,
  mapOf,
  oneOf,
  placeIn,
  shown,
  yesOrNo,
  type Place,
  type Reader,
  type Refusal,
} from "../rollout/document-reader.ts";
import { ALERT_METRICS, type AlertMetric } from "./alert-metrics.ts";
import { RULES_MAX, type AlertRule } from "./alert-rule.ts";

const FILE_CHARS_MAX = 200_000;
const REFUSALS_SHOWN_MAX = 20;
const METRIC_NAMES = Object.keys(ALERT_METRICS) as AlertMetric[];

const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
/** Longer is a report's business. */
const FOR_MS_MAX = 7 * 86_400_000;

const span: Reader<number> = (value, place) => {
  const [, number, unit = ""] = /^([0-9]{1,6})(s|m|h|d)$/.exec(typeof value === "string" ? value : "") ?? [];
  const ms = value === 0 ? 0 : Number(number) * (UNIT_MS[unit] ?? Number.NaN);
  if (ms >= 0 && ms <= FOR_MS_MAX) return ms;
  return place.refuse(`${shown(value)} is no time up to 7d; write it like 30s, 5m, 2h`);
};

const labels: Reader<Readonly<Record<string, string>>> = (value, place) => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return place.refuse(`${shown(value)} is not a list of labels, such as {site: oslo}`);
  }
  const read: Record<string, string> = {};
  for (const [name, label] of Object.entries(value)) {
    const text = anyText(label, place.child(name));
    if (text !== null) read[name] = text;
  }
  return read;
};

const name: Reader<string> = (value, place) =>
  typeof value === "string" && /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(value)
    ? value
    : place.refuse(`${shown(value)} is no name: lower-case letters, digits and hyphens, at most 63`);

const fields = mapOf(
  {
    name,
    metric: oneOf(...METRIC_NAMES),
    is: oneOf(">", ">=", "<", "<="),
    threshold: anyNumber,
    for: span,
    severity: oneOf("critical", "warning", "note"),
    match: labels,
    enabled: yesOrNo,
    next: anyText,
  },
  ["name", "metric", "is", "threshold", "severity"],
);
const file = mapOf({ rules: listOf((value, place) => readRule(value, place)) }, ["rules"]);

function readRule(value: unknown, place: Place): AlertRule | null {
  const read = fields(value, place);
  if (read === null) return null;
  const { name: own, metric, is, threshold, severity, match, next, enabled = true, for: forMs = 0 } = read;
  if (own === undefined || metric === undefined || is === undefined) return null;
  if (threshold === undefined || severity === undefined) return null;
  return {
    name: own,
    metric,
    is,
    threshold,
    forMs,
    severity,
    enabled,
    ...(match === undefined ? {} : { match }),
    ...(next === undefined ? {} : { next }),
  };
}

/** Throws `bad-file` with every mistake that it found. `path` is how messages call it. */
export function parseRules(text: string, path: string): readonly AlertRule[] {
  if (text.length > FILE_CHARS_MAX) throw badFile(path, [`it has more than ${FILE_CHARS_MAX} characters`]);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const wrong = document.errors.map(({ pos, message }) => `line ${lines.linePos(pos[0]).line}: ${message}`);
  if (wrong.length > 0) throw badFile(path, wrong);
  const refusals: Refusal[] = [];
  const read = file(plainValue(document, path), placeIn(refusals));
  const rules = read?.rules ?? [];
  const twice = rules.filter((rule, at) => rules.findIndex((other) => other.name === rule.name) < at);
  wrong.push(
    ...refusals.map((refusal) => refusalText(refusal, document, lines)),
    ...twice.map((rule) => `it has the rule ${rule.name} twice`),
    ...(rules.length > RULES_MAX ? [`it has more than ${RULES_MAX} rules`] : []),
  );
  if (wrong.length > 0) throw badFile(path, wrong);
  return rules;
}

/** Aliases are followed a bounded number of times, so that a small file cannot grow into a large one. */
function plainValue(document: Document.Parsed, path: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (thrown) {
    throw badFile(path, [messageOf(thrown)]);
  }
}

function badFile(path: string, wrong: readonly string[]): FerryError {
  const shownOnes = wrong.slice(0, REFUSALS_SHOWN_MAX);
  const more = wrong.length > shownOnes.length ? [`… and ${wrong.length - shownOnes.length} more`] : [];
  return new FerryError(
    "bad-file",
    `${path} cannot be used:\n${[...shownOnes, ...more].map((line) => `  ${line}`).join("\n")}`,
    {
      hint: "Nothing was changed. `ferry alerts metrics` lists what rules can be about; examples/alerts has a file.",
      exitCode: EXIT.usage,
    },
  );
}
