/** What a rollout would do to each device that matches: shown before anything happens, and what then happens. */
import type { ModelJson } from "../../protocol/bundle/model-json.ts";
import { sameParameters, type ParameterValues } from "../../protocol/bundle/parameters.ts";
import { featuresNeeded } from "../../protocol/features.ts";
import type { DeviceId, ModelVersion, StatementDigest } from "../../protocol/ids.ts";
import { SLOTS_MAX } from "../../protocol/limits.ts";
import type { SoakTraffic } from "../../protocol/trust/soak-traffic.ts";
import { slotReportOf, type DeviceView } from "../fleet/device-view.ts";
import { deviceFit, measuredMemoryBytes } from "./device-fit.ts";
import { featureFit } from "./feature-fit.ts";
import { interfaceDifference, type InterfaceLine } from "./interface-difference.ts";

/** A bundle as planning sees it. */
export interface PlannedBundle {
  readonly statement: StatementDigest;
  readonly model: ModelJson;
}

export interface PlanRequest {
  readonly bundle: PlannedBundle;
  /** Parameters that it sets. */
  readonly params?: ParameterValues | undefined;
  readonly archiveBytes: number;
  /** Every bundle of the same name, newest first. */
  readonly versions: readonly PlannedBundle[];
  /** The devices that match. */
  readonly devices: readonly DeviceView[];
  /** The operator knows that callers must change with the model. */
  readonly allowInterfaceChange: boolean;
  /** Both versions are to soak side by side. */
  readonly mode?: SoakTraffic | undefined;
}

export type ObstacleCode =
  | "interface-change"
  | "hardware"
  | "memory"
  | "agent-too-old"
  | "self-update"
  | "rollback-index"
  | "slots-full"
  | "not-introduced";

/** Why a device cannot take the bundle, for a person. */
export interface Obstacle {
  readonly code: ObstacleCode;
  readonly text: string;
}

export interface PlannedDevice {
  readonly device: DeviceId;
  readonly online: boolean;
  /** What it serves under this name now. */
  readonly from: ModelVersion | undefined;
  /** `same`: it runs this very bundle with these parameters already, and only confirms it. */
  readonly action: "install" | "replace" | "same" | "cannot";
  readonly obstacles: readonly Obstacle[];
  /** The execution provider that it will try first; undefined where it has not told what it has. */
  readonly provider: string | undefined;
  /** What someone should know, and what stops nothing. */
  readonly notes: readonly string[];
}

export interface InterfaceChange {
  /** The version compared with. */
  readonly from: ModelVersion;
  readonly lines: readonly InterfaceLine[];
}

export interface RolloutPlan {
  readonly devices: readonly PlannedDevice[];
  /** One for each version compared with whose callers would break. */
  readonly interfaceChanges: readonly InterfaceChange[];
}

export function planRollout(request: PlanRequest): RolloutPlan {
  const { bundle, versions, devices, allowInterfaceChange, mode } = request;
  const fitted = {
    ...bundle,
    archiveBytes: request.archiveBytes,
    memoryBytes: measuredMemoryBytes(bundle.statement, devices),
  };
  const needed = featuresNeeded(bundle.model, { traffic: mode, params: request.params });
  const changes = new Map<ModelVersion, InterfaceChange>();
  const planned = devices.map((device): PlannedDevice => {
    const running = runningVersion(device, bundle, versions);
    const change = interfaceChange(bundle, running?.known ?? newestOther(bundle, versions));
    if (change !== undefined) changes.set(change.from, change);
    const fit = device.info === undefined ? undefined : deviceFit(fitted, device, device.info, mode);
    const features = device.info === undefined ? undefined : featureFit(needed, device.info);
    const obstacles = [
      ...(change === undefined || (allowInterfaceChange && mode === undefined)
        ? []
        : [interfaceObstacle(bundle, change, mode)]),
      ...deviceObstacles(bundle.model, device, running?.known?.model),
      ...(features?.obstacle === undefined ? [] : [{ code: "agent-too-old", text: features.obstacle } as const]),
      ...(fit?.obstacle === undefined ? [] : [{ code: "memory", text: fit.obstacle } as const]),
    ];
    const action = obstacles.length > 0 ? "cannot" : actionFor(request, running);
    const { id, online } = device;
    const { provider } = fit ?? {};
    const notes = [...(fit?.notes ?? []), ...(features?.notes ?? []), ...modeNotes(mode, action)];
    return { device: id, online, from: running?.version, action, obstacles, provider, notes };
  });
  return { devices: planned, interfaceChanges: [...changes.values()] };
}

interface RunningVersion {
  readonly statement: StatementDigest;
  readonly version: ModelVersion;
  readonly params: ParameterValues | undefined;
  /** Undefined where the catalogue does not have what the device runs. */
  readonly known: PlannedBundle | undefined;
}

function runningVersion(
  device: DeviceView,
  { model }: PlannedBundle,
  versions: readonly PlannedBundle[],
): RunningVersion | undefined {
  const active = slotReportOf(device, model.name)?.active;
  if (active === undefined) return undefined;
  const known = versions.find(({ statement }) => statement === active.statement);
  return { statement: active.statement, version: active.version, params: active.params, known };
}

/** Where a device runs nothing under the name, applications were written against the newest bundle of it. */
function newestOther(bundle: PlannedBundle, versions: readonly PlannedBundle[]): PlannedBundle | undefined {
  return versions.find(({ statement }) => statement !== bundle.statement);
}

function interfaceChange(bundle: PlannedBundle, before: PlannedBundle | undefined): InterfaceChange | undefined {
  if (before === undefined || before.statement === bundle.statement) return undefined;
  const lines = interfaceDifference(before.model, bundle.model);
  return lines.length === 0 ? undefined : { from: before.model.version, lines };
}

function interfaceObstacle(
  { model }: PlannedBundle,
  { from }: InterfaceChange,
  mode: SoakTraffic | undefined,
): Obstacle {
  const why =
    mode === undefined ? "applications that call it would break" : `one request cannot be asked of both (${mode.kind})`;
  return {
    code: "interface-change",
    text: `${model.name}@${model.version} has other inputs or outputs than ${from}: ${why}`,
  };
}

function modeNotes(mode: SoakTraffic | undefined, action: PlannedDevice["action"]): string[] {
  return mode !== undefined && action === "install"
    ? ["nothing serves there yet, so it answers everything at once"]
    : [];
}

function deviceObstacles(model: ModelJson, device: DeviceView, running: ModelJson | undefined): Obstacle[] {
  if (device.info === undefined) {
    return [{ code: "not-introduced", text: "it has not told its key and hardware yet" }];
  }
  const { hardware, agentVersion, selfUpdate } = device.info;
  const obstacles: Obstacle[] = [];
  if (model.kind === "agent" && selfUpdate?.supported === false) {
    const why = selfUpdate.why ?? "it does not say why";
    obstacles.push({ code: "self-update", text: `its agent cannot update itself: ${why}` });
  }
  if (!model.compatible.includes("*") && !model.compatible.some((name) => hardware.classes.includes(name))) {
    const needs = model.compatible.join(" or ");
    obstacles.push({ code: "hardware", text: `the bundle is for ${needs}; this is ${hardware.classes.join(", ")}` });
  }
  if (model.minimumAgent !== undefined && isOlder(agentVersion, model.minimumAgent)) {
    const text = `the bundle needs agent ${model.minimumAgent} or newer; this one is ${agentVersion}`;
    obstacles.push({ code: "agent-too-old", text });
  }
  if (running !== undefined && model.rollbackIndex < running.rollbackIndex) {
    const text = `its rollback index ${model.rollbackIndex} is below ${running.rollbackIndex} of ${running.version}, which runs there: the device would refuse it`;
    obstacles.push({ code: "rollback-index", text });
  }
  const slots = device.deployment?.slots ?? [];
  if (slots.length >= SLOTS_MAX && !slots.some(({ slot }) => slot === model.name)) {
    obstacles.push({ code: "slots-full", text: `it serves ${slots.length} models already, the most a device takes` });
  }
  return obstacles;
}

function actionFor({ bundle, params }: PlanRequest, running: RunningVersion | undefined): PlannedDevice["action"] {
  if (running === undefined) return "install";
  return running.statement === bundle.statement && sameParameters(running.params, params) ? "same" : "replace";
}

/** MAJOR.MINOR.PATCH, whatever follows; text that is no such version counts as the oldest. */
function isOlder(version: string, minimum: string): boolean {
  const [have, need] = [parts(version), parts(minimum)];
  const at = need.findIndex((number, index) => number !== (have[index] ?? 0));
  return at >= 0 && (have[at] ?? 0) < (need[at] ?? 0);
}

function parts(version: string): readonly number[] {
  return (/^(\d+)\.(\d+)\.(\d+)/.exec(version) ?? []).slice(1).map(Number);
}
