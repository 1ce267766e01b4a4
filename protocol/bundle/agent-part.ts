/** What `model.json` says of a bundle of `kind: agent`: the agent's own program, for one machine or for several. */
import { Type, type Static } from "typebox";
import type { ModelName } from "../ids.ts";
import { closedObject } from "../schema.ts";
import { BundlePathText } from "./bundle-path-text.ts";

/** The name of every bundle of `kind: agent`, and of the one slot of a device that takes them. */
export const AGENT_NAME = "ferry-agent" as ModelName;

/** Machines that one bundle may hold a build for: each device gets the bytes of all of them. */
const BUILDS_MAX = 4;

export const AgentBuild = closedObject({
  /** The hardware class that it runs on, such as `linux-arm64`. */
  hardware: Type.String({ pattern: "^linux-[a-z0-9]{1,16}$" }),
  /** A directory of the bundle that may be moved as a whole; `file` of `model.json` is the program to start in it. */
  folder: BundlePathText,
  /** The oldest GNU C library that its binaries load with, such as `2.34`; absent: they say nothing of it. */
  glibc: Type.Optional(Type.String({ pattern: "^[0-9]{1,3}\\.[0-9]{1,3}$" })),
});
export type AgentBuild = Static<typeof AgentBuild>;

export const AgentPart = closedObject({
  builds: Type.Array(AgentBuild, { minItems: 1, maxItems: BUILDS_MAX }),
});
export type AgentPart = Static<typeof AgentPart>;

/** Fields that mean something for a model only. */
const OF_MODELS = [
  "variants",
  "labels",
  "golden",
  "baseline",
  "providers",
  "providerOptions",
  "preprocessing",
  "postprocessing",
  "parameters",
  "budgets",
  "serving",
] as const;

/** What of `model.json` tells a model from an agent. */
interface Described extends Partial<Record<(typeof OF_MODELS)[number], unknown>> {
  readonly kind?: "agent";
  readonly name: ModelName;
  readonly inputs: readonly unknown[];
  readonly outputs: readonly unknown[];
  readonly compatible: readonly string[];
  readonly agent?: AgentPart;
}

/** Why this is neither a model nor an agent, as far as the two differ; undefined where it is one of them. */
export function kindMistake(model: Described): string | undefined {
  return model.kind === undefined ? modelMistake(model) : agentMistake(model);
}

function modelMistake({ inputs, outputs, golden, agent }: Described): string | undefined {
  if (agent !== undefined) return `"agent" stands only in a bundle of kind "agent"`;
  if (inputs.length === 0) return `"inputs" is empty: a model takes at least one tensor`;
  if (outputs.length === 0) return `"outputs" is empty: a model gives at least one tensor`;
  return golden === undefined ? `"golden" is missing: without a golden set nothing would prove the model` : undefined;
}

function agentMistake(model: Described): string | undefined {
  const { name, inputs, outputs, compatible, agent } = model;
  if (name !== AGENT_NAME) return `a bundle of kind "agent" is called ${AGENT_NAME}, not ${name}`;
  if (agent === undefined) return `"agent" is missing: which builds are there?`;
  const foreign = OF_MODELS.find((field) => model[field] !== undefined);
  if (foreign !== undefined) return `"${foreign}" means nothing for an agent`;
  if (inputs.length > 0 || outputs.length > 0) return "an agent has no inputs and outputs";
  const hardware = agent.builds.map((build) => build.hardware);
  if (new Set(hardware).size < hardware.length) return `"agent" has two builds for one hardware class`;
  const folders = agent.builds.map(({ folder }) => folder);
  if (folders.some((one) => folders.some((other) => other.startsWith(`${one}/`)))) {
    return "the folder of one build lies in that of another";
  }
  const unbuilt = compatible.find((wanted) => !hardware.includes(wanted));
  return unbuilt === undefined ? undefined : `"compatible" names ${unbuilt}, for which there is no build`;
}

/** Files that must be in the bundle because `model.json` names them; its variants and its golden set name more. */
export function namedFiles({
  file,
  golden,
  labels,
  agent,
}: {
  readonly file: string;
  readonly golden?: string;
  readonly labels?: string;
  readonly agent?: AgentPart;
}): string[] {
  if (agent !== undefined) return agent.builds.map(({ folder }) => `${folder}/${file}`);
  return [file, golden, labels].filter((path) => path !== undefined);
}
