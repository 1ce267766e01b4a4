/** The fields of a Rollout's `spec` as a person writes them, and the request that they mean. */
import { ModelName, ModelVersion, DeviceId } from "../../protocol/ids.ts";
import { Compile } from "typebox/compile";
import {
  anyNumber,
  anyText,
  listOf,
  mapOf,
  oneOf,
  shown,
  wholeNumber,
  yesOrNo,
  type Place,
  type Reader,
} from "./document-reader.ts";
import type { SoakTraffic } from "../../protocol/trust/soak-traffic.ts";
import { readShare, readSpan, shareText } from "./human-values.ts";
import { modeOf, readMode } from "./mode-text.ts";
import type { AbortCriteria, Gate, RolloutRequest, RolloutStage, StageTake } from "./rollout-spec.ts";

/** `name` is the document's own, from its metadata. */
export function readRolloutFields(value: unknown, place: Place, name: string): RolloutRequest | null {
  const fields = rolloutFields(value, place);
  if (fields?.bundle === undefined) return null;
  const { bundle, selector, devices, follow, rate, window, timeouts, retries, quorum, priority } = fields;
  const { mode: traffic, stages, gates, abort, deviceSoak, params, allowInterfaceChange } = fields;
  return defined({
    ...bundle,
    name,
    selector,
    devices: devices && [...devices],
    follow,
    mode: traffic === "replace" ? undefined : traffic,
    stages: stages && [...stages],
    gates: gates && [...gates],
    abort,
    rate: rate && { perMinute: rate.perMinute ?? null, concurrent: rate.concurrent ?? null },
    window,
    deploymentMsMax: timeouts?.deployment,
    gateMsMax: timeouts?.gate,
    retries,
    quorum,
    priority,
    deviceSoakMs: deviceSoak,
    params,
    allowInterfaceChange,
  });
}

type Defined<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/** Without the fields that nobody wrote: those have defaults. */
export function defined<T extends object>(fields: T): Defined<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<T>;
}

const isModelName = Compile(ModelName);
const isModelVersion = Compile(ModelVersion);
const isDeviceId = Compile(DeviceId);

export const bundle: Reader<Pick<RolloutRequest, "model" | "version">> = (value, place) => {
  const [model = "", version = ""] = typeof value === "string" ? value.split("@", 2) : [];
  if (isModelName.Check(model) && isModelVersion.Check(version)) return { model, version };
  return place.refuse(`${shown(value)} is not NAME@VERSION, such as digits@1.4.0`);
};

export const deviceId: Reader<DeviceId> = (value, place) =>
  isDeviceId.Check(value) ? value : place.refuse(`${shown(value)} is not the id of a device`);

export const span: Reader<number> = (value, place) => {
  const ms = typeof value === "string" || value === 0 ? readSpan(String(value)) : undefined;
  return ms ?? place.refuse(`${shown(value)} is not a time; write it as 30s, 10m, 2h or 1d`);
};

/** `5%`, or a number from 0 to 1. */
export const share: Reader<number> = (value, place) => {
  const read = typeof value === "string" ? readShare(value) : value;
  if (typeof read === "number" && read >= 0 && read <= 1) return read;
  return place.refuse(`${shown(value)} is not a share; write it as 5%, at most 100%`);
};

/** A limit in the metric's unit: a percentage is the share that it means. */
const limit: Reader<number> = (value, place) => {
  const read = typeof value === "string" ? readShare(value) : value;
  return typeof read === "number" ? anyNumber(read, place) : place.refuse(`${shown(value)} is neither a number nor 5%`);
};

const take: Reader<StageTake> = (value, place) => {
  if (typeof value === "string") {
    const amount = share(value, place);
    return amount === null ? null : { kind: "share", share: amount, min: 1 };
  }
  if (typeof value === "number" && Number.isSafeInteger(value) && value > 0) return { kind: "count", count: value };
  return place.refuse(`${shown(value)} is neither a share (5%) nor a number of devices`);
};

const stageFields = mapOf({
  name: anyText,
  take,
  min: wholeNumber,
  selector: anyText,
  soak: span,
  approval: oneOf("none", "required"),
});

const stage: Reader<RolloutStage> = (value, place) => {
  const fields = stageFields(value, place);
  if (fields === null) return null;
  const { name, soak = 0, approval = "none" } = fields;
  const taken = stageTake(fields, place);
  return taken && { name: name ?? stageName(taken, place), take: taken, soakMs: soak, approval };
};

function stageTake(fields: NonNullable<ReturnType<typeof stageFields>>, place: Place): StageTake | null {
  const { selector, min } = fields;
  if (selector !== undefined && fields.take !== undefined)
    return place.refuse("give either take or selector, not both");
  if (min !== undefined && fields.take?.kind !== "share") {
    return place.child("min").refuse("a least number goes only with a share, such as take: 5%");
  }
  if (selector !== undefined) return { kind: "selector", selector };
  if (fields.take === undefined) return place.refuse("take is missing: a share (5%), or a number of devices");
  return fields.take.kind === "share" && min !== undefined ? { ...fields.take, min } : fields.take;
}

export function stageName(taken: StageTake, { path }: Pick<Place, "path">): string {
  if (taken.kind === "share") return shareText(taken.share);
  return taken.kind === "count" ? `${taken.count} devices` : `stage ${Number(path.at(-1)) + 1}`;
}

const gateFields = mapOf(
  {
    metric: anyText,
    max: limit,
    min: limit,
    maxRatio: anyNumber,
    calibrated: oneTrue,
    minSamples: wholeNumber,
  },
  ["metric"],
);

function oneTrue(value: unknown, place: Place): true | null {
  return value === true ? true : place.refuse(`${shown(value)} is not true; leave the field out otherwise`);
}

const gate: Reader<Gate> = (value, place) => {
  const fields = gateFields(value, place);
  return fields?.metric === undefined ? null : defined({ ...fields, metric: fields.metric });
};

const abortFields = mapOf({ failed: share, minDevices: wholeNumber, then: oneOf("rollback", "pause") }, ["failed"]);

const abort: Reader<AbortCriteria> = (value, place) => {
  const fields = abortFields(value, place);
  if (fields?.failed === undefined) return null;
  return { failedShareMax: fields.failed, devicesMin: fields.minDevices ?? 1, then: fields.then ?? "rollback" };
};

const windowFields = mapOf({ cron: anyText, duration: span, timezone: anyText }, ["cron", "duration", "timezone"]);

const window: Reader<NonNullable<RolloutRequest["window"]>> = (value, place) => {
  const { cron, duration, timezone } = windowFields(value, place) ?? {};
  if (cron === undefined || duration === undefined || timezone === undefined) return null;
  return { cron, durationMs: duration, timezone };
};

/** Which names there are, the bundle says. */
const numbersByName: Reader<Record<string, number>> = (value, place) => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return place.refuse(`${shown(value)} is not a list of parameters, such as threshold: 0.6`);
  }
  const numbers: Record<string, number> = {};
  for (const [name, number] of Object.entries(value)) numbers[name] = anyNumber(number, place.child(name)) ?? 0;
  return numbers;
};

const modeShares = mapOf({ shadow: share, split: share });

/** `shadow`, `split: 10%` in quotation marks, or `{ split: 10% }` without them: YAML takes the colon for a field of its own. */
const mode: Reader<SoakTraffic | "replace"> = (value, place) => {
  const shares = typeof value === "object" ? modeShares(value, place) : null;
  const read = typeof value === "string" ? readMode(value) : modeOf(shares ?? {});
  return read ?? place.refuse(`${shown(value)} is none of replace, shadow, { shadow: 50% } and { split: 10% }`);
};

const rolloutFields = mapOf(
  {
    bundle,
    selector: anyText,
    devices: listOf(deviceId),
    follow: yesOrNo,
    mode,
    stages: listOf(stage),
    gates: listOf(gate),
    abort,
    rate: mapOf({ perMinute: wholeNumber, concurrent: wholeNumber }),
    window,
    timeouts: mapOf({ deployment: span, gate: span }),
    retries: wholeNumber,
    quorum: share,
    priority: wholeNumber,
    deviceSoak: span,
    params: numbersByName,
    allowInterfaceChange: yesOrNo,
  },
  ["bundle"],
);
