/** Rollouts, experiments, groups, alerts and schedules as `parse-rollout-file.ts` reads them: the whole specification, defaults spelled out. */
import { stringify } from "yaml";
import type { SoakTraffic } from "../../protocol/trust/soak-traffic.ts";
import { ruleFieldsOf } from "../alerts/rule-fields.ts";
import { experimentFieldsOf } from "../experiments/experiment-fields.ts";
import { scheduleFieldsOf } from "../schedules/schedule-fields.ts";
import { shareText, spanText } from "./human-values.ts";
import { API_VERSION, type Resource } from "./parse-rollout-file.ts";
import type { Gate, RolloutSpec, RolloutStage } from "./rollout-spec.ts";

/** One YAML document; several are joined by `---`. */
export function resourceText(resource: Resource): string {
  return stringify(resourceDocument(resource), { lineWidth: 0 });
}

/** The same as a value, for JSON. */
export function resourceDocument(resource: Resource): object {
  const { kind, name } = resource;
  return { apiVersion: API_VERSION, kind, metadata: { name }, spec: specOf(resource) };
}

function specOf(resource: Resource): object {
  switch (resource.kind) {
    case "Group":
      return { selector: resource.selector };
    case "Experiment":
      return experimentFieldsOf(resource.spec);
    case "Alert":
      return ruleFieldsOf(resource.spec);
    case "Schedule":
      return scheduleFieldsOf(resource.spec);
    case "Rollout":
      return specFields(resource.spec);
  }
}

function specFields(spec: RolloutSpec): object {
  const { model, version, selector, devices, follow, mode, stages, gates, abort, rate, window } = spec;
  const { perMinute, concurrent } = rate;
  return {
    bundle: `${model}@${version}`,
    ...(devices === undefined ? { selector: selector ?? "", follow } : { devices }),
    ...(mode === undefined ? {} : { mode: modeField(mode) }),
    stages: stages.map(stageFields),
    // None at all is said too: left out, a soak would bring the usual ones.
    gates: gates.map(gateFields),
    ...(abort === null
      ? {}
      : { abort: { failed: shareText(abort.failedShareMax), minDevices: abort.devicesMin, then: abort.then } }),
    ...(perMinute === null && concurrent === null
      ? {}
      : { rate: { ...(perMinute === null ? {} : { perMinute }), ...(concurrent === null ? {} : { concurrent }) } }),
    ...(window === null
      ? {}
      : { window: { cron: window.cron, duration: spanText(window.durationMs), timezone: window.timezone } }),
    timeouts: { deployment: spanText(spec.deploymentMsMax), gate: spanText(spec.gateMsMax) },
    retries: spec.retries,
    quorum: shareText(spec.quorum),
    priority: spec.priority,
    ...(spec.deviceSoakMs === undefined ? {} : { deviceSoak: spanText(spec.deviceSoakMs) }),
    ...(spec.params === undefined ? {} : { params: spec.params }),
    allowInterfaceChange: spec.allowInterfaceChange,
  };
}

function modeField(mode: SoakTraffic): string | object {
  const { kind, share } = mode;
  return kind === "shadow" && share === 1 ? kind : { [kind]: shareText(share) };
}

function stageFields({ name, take, soakMs, approval }: RolloutStage): object {
  return { name, ...takeFields(take), soak: spanText(soakMs), approval };
}

function takeFields(take: RolloutStage["take"]): object {
  if (take.kind === "selector") return { selector: take.selector };
  return take.kind === "share" ? { take: shareText(take.share), min: take.min } : { take: take.count };
}

/** Limits stay numbers: only the metric knows whether one is a share. */
function gateFields({ metric, ...limits }: Gate): object {
  return { metric, ...limits };
}
