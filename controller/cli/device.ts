import type { Command } from "commander";
import pc from "picocolors";
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import type { Evidence } from "../../protocol/trust/evidence.ts";
import type { Device, DeviceDetail, ServedModel } from "../http/device-routes.ts";
import {
  clientOf,
  formatOf,
  withController,
  withExamples,
  withOutput,
  type OutputOptions,
  type RemoteOptions,
} from "./context.ts";
import { soakText } from "../rollout/soak-text.ts";
import { addApproveCommands } from "./device-approve.ts";
import { addEnrolCommands } from "./device-enrol.ts";
import { ago, bytes, instant, labelsText, milliseconds, shortDigest } from "./human.ts";
import { deviceId } from "./ids.ts";
import { printListing, printOne, say, type Column } from "./output.ts";

type Options = RemoteOptions & OutputOptions;

export function addDeviceCommands(program: Command): void {
  const device = program.command("device").description("the devices of the fleet");
  const list = device
    .command("list")
    .description("list the devices that match")
    .option("-l, --selector <selector>", "only devices with these labels, such as `site in (oslo, bergen), !frozen`")
    .action(listDevices);
  withExamples(withOutput(withController(list)), "ferry device list", "ferry device list -l site=oslo -o wide");
  const show = device.command("show <device>").description("all that is known of one device").action(showDevice);
  withExamples(withOutput(withController(show)), "ferry device show cam-0017");
  addEnrolCommands(device);
  addApproveCommands(device);
  const label = device
    .command("label <device> <changes...>")
    .description("set labels (key=value) or take the operator's away (key-)")
    .action(labelDevice);
  withExamples(withOutput(withController(label)), "ferry device label cam-0017 site=oslo frozen-");
}

export async function listDevices(options: Options & { readonly selector?: string }): Promise<void> {
  const { selector } = options;
  const { devices } = await clientOf(options).listDevices({ query: selector === undefined ? {} : { selector } });
  const whenEmpty =
    selector === undefined
      ? "No device has joined yet. `ferry status` prints the line with which one does."
      : `No device matches ${JSON.stringify(selector)}. See their labels with: ferry device list`;
  printListing({ rows: devices, columns: DEVICE_COLUMNS, name: ({ id }) => id, whenEmpty }, formatOf(options));
}

export const DEVICE_COLUMNS: readonly Column<Device>[] = [
  { title: "DEVICE", text: ({ id }) => id },
  {
    title: "STATE",
    text: ({ online, onlineSinceMs }) => `${stateText(online)} ${pc.dim(ago(onlineSinceMs))}`,
    csv: ({ online }) => (online ? "online" : "offline"),
  },
  { title: "MODELS", text: ({ models }) => models.map(modelText).join(", ") || "–" },
  { title: "LABELS", text: ({ labels }) => labelsText(labels) || "–" },
  { title: "HEARD", text: ({ lastHeardMs }) => `${ago(lastHeardMs)} ago`, wide: true },
  { title: "AGENT", text: ({ agentVersion }) => agentVersion ?? "–", wide: true },
  { title: "HARDWARE", text: ({ hardware }) => hardware ?? "–", wide: true },
];

export function stateText(online: boolean): string {
  return online ? pc.green("online") : pc.yellow("offline");
}

function modelText({ slot, version, phase, refusal }: ServedModel): string {
  const name = `${slot}@${version ?? "none"}`;
  if (refusal !== undefined) return `${name} ${pc.red(refusal.code)}`;
  return phase === "committed" ? name : `${name} ${pc.cyan(phase)}`;
}

export async function showDevice(id: string, options: Options): Promise<void> {
  const detail = await clientOf(options).getDevice({ params: { device: deviceId(id) } });
  printOne(detail, formatOf(options), () => describe(detail), detail.device.id);
}

function describe(detail: DeviceDetail): string {
  const { device, info, report, deployment, rollouts } = detail;
  const lines = [
    `${pc.bold(device.id)}  ${stateText(device.online)} since ${instant(device.onlineSinceMs)}, heard ${ago(device.lastHeardMs)} ago`,
    `  labels      ${labelsText(device.labels) || "none"}`,
    `  key         ${detail.keyFingerprint ?? "not told yet"}`,
  ];
  if (info !== undefined) {
    const { hardware, runtime } = info;
    lines.push(
      `  hardware    ${hardware.model}, ${hardware.cpuCount} × ${hardware.cpuModel}, ${bytes(hardware.memoryBytes)} memory, ${bytes(hardware.diskFreeBytes)} disk free`,
      `  classes     ${hardware.classes.join(", ")}`,
      `  agent       ${info.agentVersion} on Node.js ${info.nodeVersion}`,
      `  computes    on ${runtime.providers.join(", ")} (onnxruntime ${runtime.onnxruntime}${runtime.path === undefined ? "" : ` from ${runtime.path}`})`,
      ...(runtime.failedProviders ?? []).map(({ provider, why }) => pc.dim(`              not on ${provider}: ${why}`)),
      `  serves at   ${info.httpUrl ?? "MQTT only"}`,
    );
  }
  if (detail.health !== undefined) lines.push(`  health      ${healthText(detail.health)}`);
  lines.push(`  deployment  ${deploymentText(detail)}`);
  for (const slot of deployment?.slots ?? [])
    lines.push(
      `    wished    ${slot.slot}@${slot.version}  ${shortDigest(slot.statement)}${slot.mode === undefined ? "" : `  (${slot.mode})`}`,
    );
  for (const { slot, phase, active, refusal, lastKnownGood, soak } of report?.slots ?? []) {
    const running = active === undefined ? "nothing" : `${active.version}  ${shortDigest(active.statement)}`;
    lines.push(`    reported  ${slot}: ${phase}, serves ${running}`);
    if (active !== undefined) {
      const { goldenPassed, goldenCases, latencyP95Ms, memoryBytes, provider } = active.evidence;
      lines.push(
        `      evidence: golden set ${goldenPassed}/${goldenCases}, p95 ${milliseconds(latencyP95Ms)}, ${bytes(memoryBytes)}, on ${provider}${threadsText(active.evidence)}`,
        ...detailLines(active.evidence),
      );
    }
    if (soak !== undefined) lines.push(`      soaking: ${soakText(soak)}`);
    if (lastKnownGood !== undefined) lines.push(`      can go back to ${lastKnownGood.version}`);
    if (refusal !== undefined) lines.push(`      ${pc.red(refusal.code)}: ${refusal.message}`);
  }
  if (report?.refusal !== undefined)
    lines.push(`  refused     ${pc.red(report.refusal.code)}: ${report.refusal.message}`);
  for (const { id, model, version, state, why } of rollouts) {
    lines.push(`  rollout     ${id}  ${model}@${version}: ${state}${why === null ? "" : `, ${why}`}`);
  }
  return lines.join("\n");
}

/** Only where the device has measured which number is best. */
function threadsText({ intraOpThreads }: Evidence): string {
  return intraOpThreads === undefined ? "" : `, ${intraOpThreads} ${intraOpThreads === 1 ? "thread" : "threads"}`;
}

/** What was chosen for the device, and where a model does not run as its publisher wished. */
function detailLines({ failedProviders = [], ignoredSettings = [], variant, variants = [] }: Evidence): string[] {
  const measured = variants.map(({ name, provider, latencyP95Ms, memoryBytes, why }) =>
    why === undefined && latencyP95Ms !== undefined
      ? `      ${name === variant ? pc.green("✔") : " "} variant ${name}: p95 ${milliseconds(latencyP95Ms)}, ${bytes(memoryBytes ?? 0)}, on ${provider ?? "cpu"}`
      : `      ${pc.yellow("✖")} variant ${name}: ${why ?? "not measured"}`,
  );
  const failed = failedProviders.map(({ provider, why }) => pc.yellow(`      not on ${provider}: ${why}`));
  if (ignoredSettings.length === 0) return [...measured, ...failed];
  return [...measured, ...failed, pc.yellow(`      its onnxruntime-node does not read ${ignoredSettings.join(", ")}`)];
}

/** What a device that is asked about at night is asked about; the rest is in `ferry telemetry tail`. */
function healthText({ receivedMs, fields }: NonNullable<DeviceDetail["health"]>): string {
  const number = (name: string) => (typeof fields[name] === "number" ? fields[name] : undefined);
  const parts = [
    tell(number("cpuPercent"), (value) => `processor ${value.toFixed(0)} %`),
    tell(number("memoryAvailableBytes"), (value) => `${bytes(value)} memory free`),
    tell(number("temperatureCelsius"), (value) => `${value.toFixed(0)} °C`),
    tell(number("diskFreeBytes"), (value) => `${bytes(value)} disk free`),
    tell(number("agentRssBytes"), (value) => `agent ${bytes(value)}`),
    tell(number("runnersRssBytes"), (value) => `models ${bytes(value)}`),
  ];
  return `${parts.filter((part) => part !== undefined).join(", ")} (${ago(receivedMs)} ago)`;
}

function tell(value: number | undefined, text: (value: number) => string): string | undefined {
  return value === undefined ? undefined : text(value);
}

function deploymentText({ deployment, report, reportedMs }: DeviceDetail): string {
  const wished = deployment === undefined ? "none yet" : `sequence ${deployment.seq}`;
  if (report === undefined) return `${wished}; no signed report yet`;
  const time = reportedMs === undefined ? "" : `, ${ago(reportedMs)} ago`;
  return `${wished}; it reports ${report.seq} (report ${report.counter}${time})${report.fresh ? "" : ", and cannot tell the time"}`;
}

async function labelDevice(id: string, texts: readonly string[], options: Options): Promise<void> {
  const labels = labelChanges(texts);
  const client = clientOf(options);
  const params = { device: deviceId(id) };
  const { device: before } = await client.getDevice({ params });
  const after = await client.labelDevice({ params, body: { labels } });
  const lines = Object.keys(labels).map((key) => changeText(key, before.labels[key], after.labels[key]));
  printOne(
    after,
    formatOf(options),
    () => [`${pc.green("✔")} ${after.id}  ${labelsText(after.labels) || "no labels"}`, ...lines].join("\n"),
    after.id,
  );
  for (const [key, value] of Object.entries(labels)) {
    const own = after.labels[key];
    if (value === null && own !== undefined)
      say(`${pc.yellow("note:")}  ${key}=${own} is the device's own label, and shows again; it is set on the device`);
  }
  const [first] = Object.entries(after.labels);
  if (first !== undefined) say(`next: ferry device list -l ${first[0]}=${first[1]}`);
}

function changeText(key: string, before: string | undefined, after: string | undefined): string {
  if (before === after) return pc.dim(`  ${key}  ${after ?? "none"}, as before`);
  return `  ${key}  ${before ?? "none"} → ${after ?? "none"}`;
}

/** Throws `usage` for what is no change, and for two changes of one label. */
function labelChanges(texts: readonly string[]): Record<string, string | null> {
  const changes = texts.map(parseChange);
  const keys = changes.map(([key]) => key);
  const twice = keys.find((key, at) => keys.indexOf(key) < at);
  if (twice === undefined) return Object.fromEntries(changes);
  throw new FerryError("usage", `The label ${twice} is changed twice in one command`, {
    hint: "Give each label once; a new value replaces the old one.",
    exitCode: EXIT.usage,
  });
}

function parseChange(change: string): [string, string | null] {
  const set = /^([^=]+)=(.+)$/.exec(change);
  if (set !== null) return [set[1] ?? "", set[2] ?? ""];
  if (/^[^=]+-$/.test(change)) return [change.slice(0, -1), null];
  throw new FerryError("usage", `${JSON.stringify(change)} is neither key=value nor key-`, {
    hint: "Example: ferry device label cam-0017 site=oslo frozen-",
    exitCode: EXIT.usage,
  });
}
