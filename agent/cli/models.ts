/** `ferry-agent models`: what is loaded on this device, and what room there is for more. */
import pc from "picocolors";
import type { SlotReport } from "../../protocol/trust/report.ts";
import type { AgentStatus, ModelStatus } from "../status.ts";
import { durationText, table } from "./text.ts";

export function modelsText({ models = [], memory, slots }: AgentStatus, nowMs: number): string {
  if (models.length === 0) return ["No model is loaded here.", roomText(0, memory)].join("\n");
  const rows = models.map((model) => [
    model.slot,
    model.version,
    model.provider,
    model.variant ?? "-",
    megabytes(model.memoryBytes),
    model.state + (model.restarts === 0 ? "" : `, ${model.restarts} restarts`),
    latencyText(model, slots),
    model.sinceMs === undefined ? "-" : durationText(Math.max(0, nowMs - model.sinceMs)),
  ]);
  const head = ["SLOT", "VERSION", "ON", "VARIANT", "MEMORY", "STATE", "P95", "SINCE"];
  const takenBytes = models.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0);
  return [...table([head, ...rows]), "", pc.dim(roomText(takenBytes, memory))].join("\n");
}

/** `~`: measured when it was qualified, because nobody has asked it yet. */
function latencyText({ slot, statement, latencyP95Ms }: ModelStatus, slots: readonly SlotReport[]): string {
  if (latencyP95Ms !== undefined) return `${latencyP95Ms.toFixed(2)} ms`;
  const active = slots.find((one) => one.slot === slot)?.active;
  return active?.statement === statement ? `~${active.evidence.latencyP95Ms.toFixed(2)} ms` : "-";
}

function roomText(takenBytes: number, memory: AgentStatus["memory"]): string {
  const taken = `models take ${megabytes(takenBytes)}`;
  if (memory?.availableBytes === undefined) return taken;
  return `${taken}; ${megabytes(memory.availableBytes)} of memory are free, of which ${megabytes(memory.reserveBytes)} stay so`;
}

function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 1e6)} MB`;
}
