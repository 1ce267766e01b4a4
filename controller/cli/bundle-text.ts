import pc from "picocolors";
import type { ModelJson } from "../../protocol/bundle/model-json.ts";
import { allVariants } from "../../protocol/bundle/variants.ts";
import type { Bundle } from "../http/bundle-routes.ts";
import { agentLines, specText } from "./bundle-init.ts";
import { signedText } from "./bundle-list.ts";
import { ago, bytes } from "./human.ts";
import { processingLines } from "./processing-text.ts";

/** A bundle of the catalogue, as its own signed description has it. */
export function describeBundle(bundle: Bundle): string {
  const { name, version, statement, archive, model, pushedMs } = bundle;
  return [
    `${pc.bold(`${name}@${version}`)}  ${bytes(archive.lengthBytes)}, pushed ${ago(pushedMs)} ago`,
    `  statement   ${statement}`,
    `  archive     ${archive.sha256}`,
    `  signed      ${signedText(bundle)}`,
    `  hardware    ${model.compatible.join(", ")}`,
    ...agentLines(model),
    ...variantLines(model),
    ...model.inputs.map((spec) => `  input       ${specText(spec)}`),
    ...model.outputs.map((spec) => `  output      ${specText(spec)}`),
    ...processingLines(model).map(([term, text]) => `  ${term.padEnd(11)} ${text}`),
    `  index       ${model.rollbackIndex}: a device goes back to none below it`,
    ...(model.minimumAgent === undefined ? [] : [`  needs       agent ${model.minimumAgent} or newer`]),
  ].join("\n");
}

/** What a device may choose from, and where it would compute. */
export function variantLines(model: ModelJson): string[] {
  const order = model.providers === undefined ? [] : [`  providers   ${[...model.providers, "cpu"].join(", ")}`];
  if (model.variants === undefined) return order;
  const lines = allVariants(model).map(({ name, file, compatible, providers, tolerance }) =>
    [
      `  variant     ${name}: ${file}`,
      ...(compatible === undefined ? [] : [`for ${compatible.join(", ")}`]),
      ...(providers === undefined ? [] : [`on ${[...providers, "cpu"].join(", ")}`]),
      ...(tolerance === undefined ? [] : [`within ${tolerance.absolute} + ${tolerance.relative} × expected`]),
    ].join(", "),
  );
  return [...order, ...lines];
}
