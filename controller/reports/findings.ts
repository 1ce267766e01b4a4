/** What in a report deserves a person's attention, the most urgent first, each with what to do next. */
import { unreachable } from "../../protocol/unreachable.ts";
import type { DeviceView } from "../fleet/device-view.ts";
import { RENEW_ROOT, rootExpiry } from "../roots/root-expiry.ts";
import { DEVICES_NAMED_MAX, type Finding, type FleetReport, type InferenceSummary } from "./report-shape.ts";

/** More of all requests than this failing is a defect rather than an odd request. */
const ERROR_RATE_MAX = 0.01;
/** Fewer requests say nothing about a rate. */
const REQUESTS_MIN = 100;

export function findingsIn(
  report: Omit<FleetReport, "findings">,
  { devices, rootExpiresMs }: { readonly devices: readonly DeviceView[]; readonly rootExpiresMs: number },
): Finding[] {
  const findings = [
    ...endingRoot(report, rootExpiresMs),
    ...emptyFleet(report),
    ...failedRollouts(report),
    ...offlineDevices(devices),
    ...missingModels(report, devices),
    ...failingModels(report),
    ...refusedDocuments(devices),
    ...unfreshDevices(devices),
    ...untoldDevices(devices),
    ...telemetryLosses(report),
    ...severalVersions(report),
  ];
  return bySeverity(findings);
}

/** About one model: `report` holds nothing of others. */
export function modelFindings(report: ModelPart, devices: readonly DeviceView[]): Finding[] {
  return [
    ...failedRollouts(report),
    ...missingModels(report, devices),
    ...failingModels(report),
    ...severalVersions(report),
  ];
}

/** About one device, from what it said of itself. */
export function deviceFindings(
  device: DeviceView,
  inference: readonly InferenceSummary[],
  /** Slots whose refusal is told elsewhere. */
  told: readonly string[],
): Finding[] {
  const { id, deployment, report } = device;
  const slots = report?.slots ?? [];
  const refused = slots.flatMap(({ slot, refusal }): Finding[] =>
    refusal === undefined || told.includes(slot)
      ? []
      : [
          {
            severity: "critical",
            text: `${id} refuses what it is to serve as ${slot}: ${refusal.message} (${refusal.code})`,
            devices: [id],
            next: "Mend the bundle or the device, then roll it out again; what it served before still answers.",
          },
        ],
  );
  const missing = (deployment?.slots ?? []).filter(
    ({ slot }) => slots.find((one) => one.slot === slot)?.active === undefined,
  );
  return [
    ...refusedDocuments([device]),
    ...refused,
    ...offlineDevices([device]),
    ...missing.map(({ slot, version }): Finding => ({
      severity: "warning",
      text: `${id} does not serve ${slot}@${version}, although it is to`,
      devices: [id],
      next: `See what it does about it with \`ferry device show ${id}\`; on the device, \`ferry-agent status\`.`,
    })),
    ...failingModels({ inference }),
    ...unfreshDevices([device]),
    ...untoldDevices([device]),
  ];
}

/** The most urgent first; equals stay in their order. */
export function bySeverity(findings: readonly Finding[]): Finding[] {
  return findings.toSorted((a, b) => rank(a.severity) - rank(b.severity));
}

type Report = Omit<FleetReport, "findings">;
type ModelPart = Pick<FleetReport, "models" | "rollouts" | "inference">;

function endingRoot({ atMs }: Report, rootExpiresMs: number): Finding[] {
  const expiry = rootExpiry(rootExpiresMs, atMs);
  if (expiry.kind === "far") return [];
  const severity = expiry.kind === "passed" ? "critical" : "warning";
  return [{ severity, text: expiry.text, devices: [], next: RENEW_ROOT }];
}

function emptyFleet({ availability }: Report): Finding[] {
  if (availability.devices > 0) return [];
  const next = "Here: ferry device invite DEVICE; on the device the line that it prints, then ferry-agent run.";
  return [{ severity: "note", text: "No device has joined the fleet yet", devices: [], next }];
}

function failedRollouts({ rollouts }: ModelPart): Finding[] {
  const newest = rollouts.filter(({ model }, at) => rollouts.findIndex((other) => other.model === model) === at);
  return newest
    .filter(({ failed }) => failed > 0)
    .map(({ id, model, version, failed, devices, open }) => ({
      severity: "critical",
      text: `Rollout ${id} of ${model}@${version} failed on ${failed} of ${counted(devices)}`,
      devices: open.map(({ device }) => device),
      next: `See why with \`ferry rollout status ${id}\`; they go on serving what they had.`,
    }));
}

function offlineDevices(devices: readonly DeviceView[]): Finding[] {
  const offline = devices.filter(({ online }) => !online);
  if (offline.length === 0) return [];
  const text = `${offline.length} of ${counted(devices.length)} offline`;
  const next = "Check their power and network; on the device, `ferry-agent status` says what it sees.";
  return [{ severity: "warning", text, devices: ids(offline), next }];
}

function missingModels({ models }: ModelPart, devices: readonly DeviceView[]): Finding[] {
  return models
    .filter(({ missing }) => missing > 0)
    .map(({ model, missing }) => ({
      severity: "warning",
      text: `${counted(missing)} without ${model}, although it is to be served there`,
      devices: ids(
        devices.filter(
          ({ deployment, report }) =>
            deployment?.slots.some(({ slot }) => slot === model) === true &&
            report?.slots.find(({ slot }) => slot === model)?.active === undefined,
        ),
      ),
      next: "See each one's reason with `ferry device show DEVICE`.",
    }));
}

function failingModels({ inference }: { readonly inference: readonly InferenceSummary[] }): Finding[] {
  return inference
    .filter(({ errorRate, requests }) => errorRate > ERROR_RATE_MAX && requests >= REQUESTS_MIN)
    .map(({ slot, version, errorRate, failed }) => ({
      severity: "warning",
      text: `${slot}@${version} failed ${failed} requests, ${(100 * errorRate).toFixed(1)} % of all`,
      devices: [],
      next: "See which kind with `ferry telemetry tail --kind inference`; roll out the version before it if it began with this one.",
    }));
}

function refusedDocuments(devices: readonly DeviceView[]): Finding[] {
  const refusing = devices.filter(({ report }) => report?.refusal !== undefined);
  if (refusing.length === 0) return [];
  const codes = [...new Set(refusing.map(({ report }) => report?.refusal?.code ?? ""))].join(", ");
  const text = `${counted(refusing.length)} refused a deployment (${codes})`;
  const next =
    "If nobody but this controller publishes to the broker, look at `ferry device show DEVICE`; otherwise find out who does.";
  return [{ severity: "critical", text, devices: ids(refusing), next }];
}

function unfreshDevices(devices: readonly DeviceView[]): Finding[] {
  const unfresh = devices.filter(({ online, report }) => online && report?.fresh === false);
  if (unfresh.length === 0) return [];
  const text = `${counted(unfresh.length)} without a trusted time: nothing is installed there until they have one`;
  const next = "They ask this controller again by themselves; if it lasts, the broker delays or drops its answers.";
  return [{ severity: "warning", text, devices: ids(unfresh), next }];
}

function untoldDevices(devices: readonly DeviceView[]): Finding[] {
  const untold = devices.filter(({ info }) => info === undefined);
  if (untold.length === 0) return [];
  const text = `${counted(untold.length)} never told a key and hardware: no rollout can count on them`;
  const next = "Start `ferry-agent run` there; an id that nobody knows is a misconfigured client of the broker.";
  return [{ severity: "note", text, devices: ids(untold), next }];
}

function telemetryLosses({ telemetry }: Report): Finding[] {
  const { declared, rolledUp = 0, missing, lossUnknown } = telemetry;
  const lost = declared - rolledUp;
  const next = "See where and why with `ferry telemetry gaps`.";
  const findings: Finding[] = [];
  if (missing > 0) {
    const text = `${missing} telemetry records are neither here nor declared as lost`;
    findings.push({ severity: "warning", text, devices: [], next });
  }
  if (lost > 0) {
    findings.push({ severity: "note", text: `${lost} telemetry records were declared as lost`, devices: [], next });
  }
  if (rolledUp > 0) {
    const text = `${rolledUp} telemetry records came added up: devices were short of room, or of data`;
    findings.push({ severity: "note", text, devices: [], next: ROLLED_UP_NEXT });
  }
  if (lossUnknown > 0) {
    const text = `${lossUnknown} telemetry streams ended with a damaged outbox: how much was in them is unknown`;
    findings.push({ severity: "note", text, devices: [], next });
  }
  return findings;
}

const ROLLED_UP_NEXT =
  "No measurement is lost, only how finely it was told. `ferry telemetry gaps` says where, as rolled-up.";

function severalVersions({ models, rollouts }: ModelPart): Finding[] {
  return models
    .filter(
      ({ model, versions }) => versions.length > 1 && !rollouts.some((r) => r.model === model && r.state === "running"),
    )
    .map(({ model, versions }) => ({
      severity: "note",
      text: `${model} runs in ${versions.length} versions (${versions.map(({ version }) => version).join(", ")}), and no rollout of it is under way`,
      devices: [],
      next: `To have one everywhere: ferry rollout create ${model}@${versions[0]?.version ?? ""} --all`,
    }));
}

function counted(devices: number): string {
  return devices === 1 ? "1 device" : `${devices} devices`;
}

function ids(devices: readonly DeviceView[]) {
  return devices.slice(0, DEVICES_NAMED_MAX).map(({ id }) => id);
}

function rank(severity: Finding["severity"]): number {
  switch (severity) {
    case "critical":
      return 0;
    case "warning":
      return 1;
    case "note":
      return 2;
    default:
      return unreachable(severity);
  }
}
