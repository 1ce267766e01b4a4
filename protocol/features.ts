/**
 * What of the signed documents an agent understands. Those refuse unknown fields, so an agent that is older than a field
 * refuses the document: a plan says so before anything is sent.
 */
import type { ModelJson } from "./bundle/model-json.ts";
import type { ParameterValues } from "./bundle/parameters.ts";
import type { SoakTraffic } from "./trust/soak-traffic.ts";

/** Of each, what it is for people. An agent tells all of them in its inventory (`device-info.ts`); a controller may know more. */
export const FEATURES = {
  /** `traffic` of a deployment: split and shadow. */
  traffic: "soaking as a split or a shadow",
  /** `params` of a deployment. */
  params: "parameters of a rollout",
  /** `preprocessing`, `postprocessing` and `parameters` of `model.json`. */
  processing: "pictures, sounds and results described in model.json",
  /** `variants` of `model.json`. */
  variants: "variants of a model",
  /** `serving` of `model.json`. */
  serving: "instances, threads and batches in model.json",
  /** `kind: agent` of `model.json`. */
  agent: "updates of the agent itself",
} as const;
export type Feature = keyof typeof FEATURES;

export const ALL_FEATURES = Object.keys(FEATURES) as Feature[];

/** What a device must understand to take this bundle in this way. */
export function featuresNeeded(
  model: Pick<ModelJson, "kind" | "preprocessing" | "postprocessing" | "parameters" | "variants" | "serving">,
  { traffic, params }: { readonly traffic?: SoakTraffic | undefined; readonly params?: ParameterValues | undefined },
): Feature[] {
  const { kind, preprocessing, postprocessing, parameters, variants, serving } = model;
  const isNeeded: Readonly<Record<Feature, boolean>> = {
    traffic: traffic !== undefined,
    params: params !== undefined && Object.keys(params).length > 0,
    processing: [preprocessing, postprocessing, parameters].some((part) => part !== undefined),
    variants: variants !== undefined,
    serving: serving !== undefined,
    agent: kind === "agent",
  };
  return ALL_FEATURES.filter((feature) => isNeeded[feature]);
}
