/** A file of alert rules: YAML, `rules:` with a list. Every mistake is named with its line. */
import { LineCounter, parseDocument, type Document } from "yaml";
import { EXIT, FerryError, messageOf } from "../../common/ferry-error.ts";
import { refusalText } from "../rollout/document-lines.ts";
import { listOf, mapOf, placeIn, type Refusal } from "../rollout/document-reader.ts";
import { RULES_MAX, type AlertRule } from "./alert-rule.ts";
import { readNamedRule } from "./rule-fields.ts";

const FILE_CHARS_MAX = 200_000;
const REFUSALS_SHOWN_MAX = 20;

const file = mapOf({ rules: listOf(readNamedRule) }, ["rules"]);

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
