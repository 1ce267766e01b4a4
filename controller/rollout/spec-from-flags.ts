/** The short way to say what a rollout file says: `--stages 5%,25%,100% --soak 10m --gate 'error_rate<=1%'`. */
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import type { DeviceId, ModelName, ModelVersion } from "../../protocol/ids.ts";
import { checkedSpec } from "./checked-spec.ts";
import { readShare, readSpan } from "./human-values.ts";
import { modeOf } from "./mode-text.ts";
import { stageName } from "./rollout-fields.ts";
import type { AbortCriteria, Gate, RolloutRequest, RolloutSpec, RolloutStage, StageTake } from "./rollout-spec.ts";
import type { SpecPath } from "./spec-shape.ts";

/** As a shell gives them; undefined where a flag was not given. */
export interface SpecFlags {
  readonly name?: string;
  readonly follow?: true;
  readonly stages?: string;
  readonly soak?: string;
  /** `true`: every stage but the first; text: the stages of these names. */
  readonly approval?: string | true;
  readonly gate?: readonly string[];
  readonly abortIfFailed?: string;
  readonly abortMinDevices?: string;
  readonly then?: string;
  readonly rate?: string;
  readonly concurrent?: string;
  readonly window?: string;
  readonly deploymentTimeout?: string;
  readonly gateTimeout?: string;
  readonly retries?: string;
  readonly quorum?: string;
  readonly priority?: string;
  readonly deviceSoak?: string;
  /** `NAME=NUMBER` each. */
  readonly param?: readonly string[];
  readonly allowInterfaceChange?: true;
  /** `true`: a copy of every request. */
  readonly shadow?: string | true;
  readonly split?: string;
}

/** What a rollout is about, which its flags do not say. */
export type RolloutSubject = { readonly model: ModelName; readonly version: ModelVersion } & (
  { readonly selector: string } | { readonly devices: DeviceId[] }
);

/** Throws `usage` for a flag that cannot be read, `bad-rollout` for flags that make no sense together. */
export function specFromFlags(subject: RolloutSubject, flags: SpecFlags, nowMs: number): RolloutSpec {
  const request: RolloutRequest = {
    ...subject,
    ...given("name", flags.name),
    ...given("follow", flags.follow),
    ...given("mode", modeFrom(flags)),
    ...given("stages", stagesFrom(flags)),
    ...given("gates", flags.gate === undefined ? undefined : gatesFrom(flags.gate)),
    ...given("abort", abortFrom(flags)),
    ...given("rate", rateFrom(flags)),
    ...given("window", flags.window === undefined ? undefined : windowFrom(flags.window)),
    ...given("deploymentMsMax", spanFrom("--deployment-timeout", flags.deploymentTimeout)),
    ...given("gateMsMax", spanFrom("--gate-timeout", flags.gateTimeout)),
    ...given("retries", wholeFrom("--retries", flags.retries)),
    ...given("quorum", shareFrom("--quorum", flags.quorum)),
    ...given("priority", wholeFrom("--priority", flags.priority)),
    ...given("deviceSoakMs", spanFrom("--device-soak", flags.deviceSoak)),
    ...given("params", flags.param === undefined ? undefined : paramsFrom(flags.param)),
    ...given("allowInterfaceChange", flags.allowInterfaceChange),
  };
  return checkedSpec(request, nowMs, flagName);
}

function given<Name extends keyof RolloutRequest>(name: Name, value: RolloutRequest[Name] | undefined) {
  return value === undefined ? {} : { [name]: value };
}

const FLAGS: Readonly<Record<string, string>> = {
  selector: "--selector",
  devices: "--device",
  stages: "--stages",
  gates: "--gate",
  abort: "--abort-if-failed",
  window: "--window",
  deploymentMsMax: "--deployment-timeout",
  gateMsMax: "--gate-timeout",
  deviceSoakMs: "--device-soak",
  params: "--param",
};

function flagName(path: SpecPath): string {
  const [field = "", at, part] = path.map(String);
  if (part === "soakMs") return "--soak";
  if (field === "rate") return at === "concurrent" ? "--concurrent" : "--rate";
  return FLAGS[field] ?? `--${field}`;
}

function modeFrom({ shadow, split }: SpecFlags): RolloutRequest["mode"] {
  if (shadow === undefined && split === undefined) return undefined;
  if (shadow !== undefined && split !== undefined) {
    throw usage("--shadow and --split are two ways to soak", "Give one of them.");
  }
  if (split !== undefined) {
    const mode = modeOf({ split: shareFrom("--split", split) ?? 0 });
    if (mode === undefined) throw badFlag("--split", split, "Write a share between 0% and 100%, such as 10%.");
    return mode;
  }
  const share = shadow === true ? 1 : shareFrom("--shadow", shadow);
  const mode = modeOf({ shadow: share ?? 0 });
  if (mode === undefined)
    throw badFlag("--shadow", String(shadow), "Write a share above 0%, or none for every request.");
  return mode;
}

function stagesFrom({ stages, soak, approval }: SpecFlags): RolloutStage[] | undefined {
  if (stages === undefined && soak === undefined && approval === undefined) return undefined;
  const soakMs = spanFrom("--soak", soak) ?? 0;
  const takes = (stages ?? "100%").split(",").map((text) => takeFrom(text.trim()));
  const named = takes.map((take, at) => ({ name: stageName(take, { path: [at] }), take }));
  const toApprove = approvedStages(
    approval,
    named.map(({ name }) => name),
  );
  return named.map(({ name, take }) => ({ name, take, soakMs, approval: toApprove.has(name) ? "required" : "none" }));
}

function takeFrom(text: string): StageTake {
  const share = readShare(text);
  if (share !== undefined && share <= 1) return { kind: "share", share, min: 1 };
  if (/^[1-9][0-9]{0,5}$/.test(text)) return { kind: "count", count: Number(text) };
  throw badFlag("--stages", text, "Give shares or numbers of devices that grow, such as 5%,25%,100% or 3,50%,100%.");
}

function approvedStages(approval: string | true | undefined, names: readonly string[]): ReadonlySet<string> {
  if (approval === undefined) return new Set();
  if (approval === true) return new Set(names.length === 1 ? names : names.slice(1));
  const asked = approval.split(",").map((text) => text.trim());
  const unknown = asked.find((name) => !names.includes(name));
  if (unknown === undefined) return new Set(asked);
  throw badFlag("--approval", unknown, `It names stages: ${names.join(", ")}.`);
}

/** `none` stands for no gates, where a soak would bring the usual ones. */
function gatesFrom(texts: readonly string[]): Gate[] {
  return texts.length === 1 && texts[0] === "none" ? [] : texts.map(gateFrom);
}

const GATE = /^([^<>=\s]+)\s*(<=|>=)\s*([0-9.]+(?:e-?[0-9]+)?)\s*(%|x)?\s*(?:,\s*n\s*>=\s*([1-9][0-9]{0,8}))?$/;

function gateFrom(text: string): Gate {
  const [, metric = "", sign, number = "", unit, samples] = GATE.exec(text.trim()) ?? [];
  const value = unit === "%" ? readShare(`${number}%`) : Number(number);
  const isRatioBelow = unit === "x" && sign === ">=";
  if (metric === "" || value === undefined || !Number.isFinite(value) || isRatioBelow) {
    throw badFlag(
      "--gate",
      text,
      "Write METRIC<=LIMIT or METRIC>=LIMIT: error_rate<=1%, latency_p95_ms<=1.2x (against the version it replaces), agreement_top1>=98%,n>=200.",
    );
  }
  const limit = unit === "x" ? { maxRatio: value } : sign === ">=" ? { min: value } : { max: value };
  return { metric, ...limit, ...(samples === undefined ? {} : { minSamples: Number(samples) }) };
}

function paramsFrom(texts: readonly string[]): NonNullable<RolloutRequest["params"]> {
  const params: Record<string, number> = {};
  for (const text of texts) {
    const [, name, number = ""] = /^([A-Za-z][A-Za-z0-9_]*)=(.+)$/.exec(text.trim()) ?? [];
    const value = Number(number);
    if (name === undefined || number.trim() === "" || !Number.isFinite(value)) {
      throw badFlag("--param", text, "Write NAME=NUMBER, such as threshold=0.6; ferry bundle inspect shows the names.");
    }
    if (Object.hasOwn(params, name)) throw usage(`--param sets ${name} twice`, "Give each parameter once.");
    params[name] = value;
  }
  return params;
}

function abortFrom({ abortIfFailed, abortMinDevices, then }: SpecFlags): AbortCriteria | undefined {
  const failedShareMax = shareFrom("--abort-if-failed", abortIfFailed);
  if (failedShareMax === undefined) {
    if (abortMinDevices === undefined && then === undefined) return undefined;
    throw usage("--then and --abort-min-devices say how to abort, and not when", "Add --abort-if-failed, such as 2%.");
  }
  if (then !== undefined && then !== "rollback" && then !== "pause") {
    throw badFlag("--then", then, "It is either rollback or pause.");
  }
  return {
    failedShareMax,
    devicesMin: wholeFrom("--abort-min-devices", abortMinDevices) ?? 1,
    then: then ?? "rollback",
  };
}

function rateFrom({ rate, concurrent }: SpecFlags): RolloutRequest["rate"] {
  if (rate === undefined && concurrent === undefined) return undefined;
  const perMinute = rate === undefined ? null : Number(/^([0-9]{1,6})(?:\/m(?:in)?)?$/.exec(rate)?.[1]);
  if (Number.isNaN(perMinute)) throw badFlag("--rate", rate ?? "", "Write devices per minute, such as 100/m.");
  return { perMinute, concurrent: wholeFrom("--concurrent", concurrent) ?? null };
}

function windowFrom(text: string): NonNullable<RolloutRequest["window"]> {
  const [, cron, duration = "", timezone] = /^(.+) for (\S+) in (\S+)$/.exec(text.trim()) ?? [];
  const durationMs = readSpan(duration);
  if (cron !== undefined && timezone !== undefined && durationMs !== undefined) return { cron, durationMs, timezone };
  throw badFlag("--window", text, 'Write when it opens, for how long and where: "0 2 * * * for 3h in Europe/Oslo".');
}

function spanFrom(flag: string, text: string | undefined): number | undefined {
  const ms = text === undefined ? undefined : readSpan(text);
  if (text === undefined || ms !== undefined) return ms;
  throw badFlag(flag, text, "Write it like 30s, 10m, 2h or 1d.");
}

function shareFrom(flag: string, text: string | undefined): number | undefined {
  const share = text === undefined ? undefined : readShare(text);
  if (text === undefined || (share !== undefined && share <= 1)) return share;
  throw badFlag(flag, text, "Write a share like 2%, at most 100%.");
}

function wholeFrom(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^-?[0-9]{1,6}$/.test(text)) return Number(text);
  throw badFlag(flag, text, "Give a whole number.");
}

function badFlag(flag: string, text: string, hint: string): FerryError {
  return usage(`${flag}: ${JSON.stringify(text)} cannot be read`, hint);
}

function usage(message: string, hint: string): FerryError {
  return new FerryError("usage", message, { hint, exitCode: EXIT.usage });
}
