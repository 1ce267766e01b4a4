/** Files of Rollouts, Experiments, Groups, Alerts and Schedules: YAML, one or several documents. What is wrong is named by line and field. */
import { isScalar, LineCounter, parseAllDocuments, type Document } from "yaml";
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import type { AlertRule } from "../alerts/alert-rule.ts";
import { readRuleFields, ruleName } from "../alerts/rule-fields.ts";
import { isGroupName } from "../fleet/group-name.ts";
import { parseSelector } from "../fleet/selector.ts";
import { completeSpec } from "./complete-spec.ts";
import { readExperimentFields } from "../experiments/experiment-fields.ts";
import { completeExperiment, type ExperimentSpec } from "../experiments/experiment-spec.ts";
import { readScheduleFields } from "../schedules/schedule-fields.ts";
import type { ScheduleSpec } from "../schedules/schedule-shape.ts";
import { unreachable } from "../../protocol/unreachable.ts";
import { childOf, refusalText } from "./document-lines.ts";
import { anyText, mapOf, oneOf, placeIn, type Place, type Refusal } from "./document-reader.ts";
import { readRolloutFields } from "./rollout-fields.ts";
import type { RolloutSpec } from "./rollout-spec.ts";
import { specMistakes } from "./spec-mistakes.ts";
import type { SpecPath } from "./spec-shape.ts";

export const API_VERSION = "modelferry/v1";

export type Resource =
  | { readonly kind: "Rollout"; readonly name: string; readonly spec: RolloutSpec }
  | { readonly kind: "Experiment"; readonly name: string; readonly spec: ExperimentSpec }
  | { readonly kind: "Group"; readonly name: string; readonly selector: string }
  /** What is watched: a rule, not what has come of it. */
  | { readonly kind: "Alert"; readonly name: string; readonly spec: AlertRule }
  | { readonly kind: "Schedule"; readonly name: string; readonly spec: ScheduleSpec };

/** Ten thousand device ids of the greatest length, and the rest. */
const FILE_CHARS_MAX = 1_000_000;
/** In one file; each may start something. */
const DOCUMENTS_MAX = 100;
/** As many as a person mends before trying again. */
const REFUSALS_SHOWN_MAX = 20;

/** Throws `bad-file` with every mistake that it found. `file` is how messages call it. */
export function parseRolloutFile(text: string, file: string, nowMs: number): readonly Resource[] {
  if (text.length > FILE_CHARS_MAX) throw badFile(file, [`it has more than ${FILE_CHARS_MAX} characters`]);
  const lines = new LineCounter();
  const parsed = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false });
  const documents = (Array.isArray(parsed) ? parsed : []).filter(
    ({ contents, errors }) =>
      errors.length > 0 || !(contents === null || (isScalar(contents) && contents.value === null)),
  );
  if (documents.length === 0) throw badFile(file, ["there is nothing in it"]);
  if (documents.length > DOCUMENTS_MAX) throw badFile(file, [`it has more than ${DOCUMENTS_MAX} documents`]);
  const resources: Resource[] = [];
  const wrong: string[] = [];
  for (const document of documents) {
    const refusals: Refusal[] = [];
    const resource = readDocument(document, lines, refusals, wrong, nowMs);
    wrong.push(...refusals.map((refusal) => refusalText(refusal, document, lines)));
    if (resource !== null) resources.push(resource);
  }
  wrong.push(...twice(resources));
  if (wrong.length > 0) throw badFile(file, wrong);
  return resources;
}

function readDocument(
  document: Document.Parsed,
  lines: LineCounter,
  refusals: Refusal[],
  wrong: string[],
  nowMs: number,
): Resource | null {
  if (document.errors.length > 0) {
    wrong.push(...document.errors.map(({ pos, message }) => `line ${lines.linePos(pos[0]).line}: ${message}`));
    return null;
  }
  return readResource(plainValue(document, lines, wrong), placeIn(refusals), nowMs, refusals);
}

/** Aliases are followed a bounded number of times, so that a small file cannot grow into a large one. */
function plainValue(document: Document.Parsed, lines: LineCounter, wrong: string[]): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (thrown) {
    if (!(thrown instanceof Error)) throw thrown;
    wrong.push(`line ${lines.linePos(document.range[0]).line}: ${thrown.message}`);
    return undefined;
  }
}

const kindOf = oneOf("Rollout", "Experiment", "Group", "Alert", "Schedule");
const metadata = mapOf({ name: anyText }, ["name"]);
const groupFields = mapOf({ selector: anyText }, ["selector"]);
const asItIs = (value: unknown) => value;
const resourceFields = mapOf({ apiVersion: oneOf(API_VERSION), kind: kindOf, metadata: asItIs, spec: asItIs }, [
  "apiVersion",
  "kind",
  "metadata",
  "spec",
]);

function readResource(value: unknown, place: Place, nowMs: number, refusals: readonly Refusal[]): Resource | null {
  const fields = resourceFields(value, place);
  if (fields?.kind === undefined || fields.metadata === undefined || fields.spec === undefined) return null;
  const name = metadata(fields.metadata, place.child("metadata"))?.name;
  if (name === undefined) return null;
  const named: Named = { name, value: fields.spec, place };
  switch (fields.kind) {
    case "Group":
      return readGroup(named);
    case "Alert": {
      const known = nameAsKubernetes(named);
      const spec = readRuleFields(named.value, place.child("spec"), name);
      return known === null || spec === null ? null : { kind: "Alert", name, spec };
    }
    case "Schedule": {
      const known = nameAsKubernetes(named);
      const spec = readScheduleFields(named.value, place.child("spec"), name);
      return known === null || spec === null ? null : { kind: "Schedule", name, spec };
    }
    case "Experiment": {
      const request = readExperimentFields(named.value, place.child("spec"), name);
      if (request === null || refusals.length > 0) return null;
      return { kind: "Experiment", name, spec: completeExperiment(request) };
    }
    case "Rollout":
      return readRollout(named, nowMs, refusals);
    default:
      return unreachable(fields.kind);
  }
}

interface Named {
  readonly name: string;
  /** The document's `spec`. */
  readonly value: unknown;
  /** Of the whole document. */
  readonly place: Place;
}

function nameAsKubernetes({ name, place }: Named): string | null {
  return ruleName(name, place.child("metadata").child("name"));
}

function readRollout({ name, value, place }: Named, nowMs: number, refusals: readonly Refusal[]): Resource | null {
  const request = readRolloutFields(value, place.child("spec"), name);
  // The whole is looked at when its parts are right: the rest would only repeat what is said already.
  if (request === null || refusals.length > 0) return null;
  const complete = completeSpec(request);
  for (const { path, text } of specMistakes(complete, nowMs)) placeOf(place, value, path).refuse(text);
  return { kind: "Rollout", name, spec: complete };
}

function readGroup({ name, value, place }: Named): Resource | null {
  if (!isGroupName(name)) {
    place
      .child("metadata")
      .child("name")
      .refuse("a group's name has lower-case letters, digits and hyphens, at most 63");
  }
  const selector = groupFields(value, place.child("spec"))?.selector;
  if (selector === undefined) return null;
  try {
    parseSelector(selector, () => []);
  } catch (thrown) {
    if (!(thrown instanceof FerryError)) throw thrown;
    return place.child("spec").child("selector").refuse(thrown.message);
  }
  return { kind: "Group", name, selector };
}

/** Fields whose place in the file is another than in the specification. */
const FILE_PLACES: Readonly<Record<string, SpecPath>> = {
  name: ["metadata", "name"],
  model: ["spec", "bundle"],
  version: ["spec", "bundle"],
  deploymentMsMax: ["spec", "timeouts", "deployment"],
  gateMsMax: ["spec", "timeouts", "gate"],
  deviceSoakMs: ["spec", "deviceSoak"],
};
const FILE_NAMES: Readonly<Record<string, string>> = {
  soakMs: "soak",
  durationMs: "duration",
  failedShareMax: "failed",
  devicesMin: "minDevices",
};

/** Where the file says what stands at `path` of the specification, or the nearest place that it has. */
function placeOf(root: Place, spec: unknown, path: SpecPath): Place {
  const [first = "", ...rest] = path;
  const moved = FILE_PLACES[first];
  if (moved !== undefined) return moved.reduce((place, key) => place.child(key), root);
  let place = root.child("spec").child(first);
  let value = childOf(spec, first);
  for (const key of rest.map((part) => FILE_NAMES[part] ?? part)) {
    const next = childOf(value, key);
    if (next === undefined) break;
    place = place.child(key);
    value = next;
  }
  return place;
}

function twice(resources: readonly Resource[]): string[] {
  const names = resources.map(({ kind, name }) => `${kind} ${name}`);
  return [...new Set(names.filter((name, at) => names.indexOf(name) < at))].map((name) => `it has ${name} twice`);
}

function badFile(file: string, wrong: readonly string[]): FerryError {
  const shown = wrong.slice(0, REFUSALS_SHOWN_MAX);
  const more = wrong.length > shown.length ? [`… and ${wrong.length - shown.length} more`] : [];
  const places = [...shown, ...more];
  const text = places.length === 1 ? ` ${places.join("")}` : `\n${places.map((place) => `  ${place}`).join("\n")}`;
  return new FerryError("bad-file", `${file} cannot be used:${text}`, {
    hint: "Nothing was changed. docs/OPERATING.md has every field; examples/rollouts and examples/alerts have whole files.",
    exitCode: EXIT.usage,
  });
}
