/** `ferry-agent status`: what the agent on this device says of itself. */
import pc from "picocolors";
import type { Evidence, VariantFigures } from "../../protocol/trust/evidence.ts";
import type { SlotReport } from "../../protocol/trust/report.ts";
import { agentFolder } from "../config.ts";
import { checkAgentStatus, type AgentStatus } from "../status.ts";
import { askLocalAgent, notRunning } from "./local-agent.ts";
import { bytesText, durationText, table } from "./text.ts";

/** The agent answers from memory: longer than this and it is stuck. */
const STATUS_WAIT_MS = 5_000;

/** Throws FerryError `not-joined`, or `not-running` where nobody answers. */
export async function fetchStatus(directory: string): Promise<AgentStatus> {
  const response = await askLocalAgent(directory, "/status", { timeoutMs: STATUS_WAIT_MS });
  try {
    return checkAgentStatus(await response.json());
  } catch (cause) {
    throw notRunning(agentFolder(directory).directory, cause);
  }
}

export function statusText(status: AgentStatus): string {
  const { telemetry, broker } = status;
  const lines = [
    ["fleet", status.fleet],
    ["device", `${status.device} (agent ${status.agentVersion}, up ${durationText(status.uptimeMs)})`],
    ["broker", `${broker.url} ${broker.connected ? pc.green("connected") : pc.yellow("not connected")}`],
    ["trust", `root version ${status.rootVersion}, deployment ${status.seq}, ${freshText(status)}`],
    ...(status.runtime === undefined ? [] : [["computes", runtimeText(status.runtime)]]),
    ...(status.selfUpdate?.supported === false ? [["updates", `not of itself: ${status.selfUpdate.why ?? ""}`]] : []),
    ["telemetry", `${telemetry.pending} of ${telemetry.produced} records still to be sent`],
    ...(status.data === undefined ? [] : [["data", dataText(status.data)]]),
  ];
  const head = lines.map(([name = "", text = ""]) => `${pc.bold(name.padEnd(11))}${text}`);
  const refusal = status.refusal === undefined ? [] : [pc.red(`refused    ${status.refusal.message}`)];
  return [...head, ...refusal, "", ...slotLines(status.slots)].join("\n");
}

export function dataText({
  sentBytes,
  receivedBytes,
  monthBytes,
  isMetered,
  detail,
}: NonNullable<AgentStatus["data"]>) {
  const used = bytesText(sentBytes + receivedBytes);
  const budget = monthBytes === undefined ? "" : ` of ${bytesText(monthBytes)}`;
  const why = isMetered ? "metered link; " : "";
  return `${used}${budget} this month (${why}${DETAIL_TEXT[detail]})`;
}

const DETAIL_TEXT = {
  raw: "measurements as they are made",
  "roll-up": "measurements by the hour",
  sketch: pc.yellow("measurements every 6 hours, without extremes: the budget runs short"),
  counters: pc.red("counts once a day: the budget is almost gone"),
} as const;

function freshText({ fresh }: AgentStatus): string {
  return fresh ? pc.green("fresh") : pc.yellow("unfresh: installs nothing until the controller has answered");
}

function runtimeText({ onnxruntime, providers, failedProviders = [], path }: NonNullable<AgentStatus["runtime"]>) {
  const failed =
    failedProviders.length === 0 ? "" : `; ${failedProviders.map(({ provider }) => provider).join(", ")} failed`;
  const where = path === undefined ? "" : ` from ${path}`;
  return `on ${providers.join(", ")}${failed} (onnxruntime ${onnxruntime}${where})`;
}

function slotLines(slots: readonly SlotReport[]): string[] {
  if (slots.length === 0) return ["No model is deployed here."];
  const rows = slots.map(({ slot, phase, active, transfer, refusal }) => [
    slot,
    phase + (transfer === undefined ? "" : ` ${percent(transfer.doneBytes, transfer.totalBytes)}`),
    active === undefined ? "-" : active.version,
    active === undefined ? "-" : active.statement.slice(0, 12),
    active === undefined ? "-" : active.evidence.provider,
    refusal === undefined ? "" : `${refusal.code}: ${refusal.message}`,
  ]);
  const notes = slots.flatMap(({ slot, active }) => (active === undefined ? [] : evidenceNotes(slot, active.evidence)));
  return [...table([["SLOT", "PHASE", "ACTIVE", "DIGEST", "ON", "REFUSAL"], ...rows]), ...notes];
}

function variantText({ name, latencyP95Ms, why }: VariantFigures): string {
  return latencyP95Ms === undefined
    ? `${name} (${why ?? "not measured"})`
    : `${name} (p95 ${latencyP95Ms.toFixed(2)} ms)`;
}

/** What was chosen for this device, and where a model does not run as its publisher wished. */
function evidenceNotes(slot: string, evidence: Evidence): string[] {
  const { failedProviders = [], ignoredSettings = [], variant, variants = [] } = evidence;
  const chosen =
    variant === undefined ? [] : [`${slot} serves its variant ${variant} of ${variants.map(variantText).join(", ")}`];
  const failed = failedProviders.map(({ provider, why }) => `${slot} does not run on ${provider}: ${why}`);
  if (ignoredSettings.length === 0) return [...chosen, ...failed];
  return [...chosen, ...failed, `${slot}: this onnxruntime-node does not read ${ignoredSettings.join(", ")}`];
}

function percent(part: number, whole: number): string {
  return `${String(Math.floor((100 * part) / Math.max(1, whole)))} %`;
}
