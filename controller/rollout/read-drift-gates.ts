/** Gates on drift, which are judged from distributions and not record by record. */
import { readDrift, type DriftPorts } from "../drift/read-drift.ts";
import type { DriftVerdict } from "../drift/drift-shape.ts";
import type { GateRequest, ReadGates } from "./gate-request.ts";
import { DRIFT_PSI } from "./gate-metrics.ts";
import { judgeDriftGate } from "./judge-drift-gate.ts";

/** Devices tell distributions every five minutes, and comparing them takes up to two seconds. */
const READ_EVERY_MS = 30_000;
/** Stages that are watched at once; the one read longest ago is forgotten, and read anew when it is asked for. */
const STAGES_MAX = 64;

interface Read {
  readonly atMs: number;
  readonly verdicts: readonly DriftVerdict[];
}

/** Reads gates on drift by itself, and the others through `readOthers`; the results stand in the order of the gates. */
export function withDriftGates(readOthers: ReadGates, ports: DriftPorts): ReadGates {
  const stages = new Map<string, Read>();

  async function driftOf(request: GateRequest, nowMs: number): Promise<readonly DriftVerdict[]> {
    const { rollout, stage, slot, version, devices, isSoakOver } = request;
    const key = JSON.stringify([rollout, stage, version, isSoakOver, devices]);
    const known = stages.get(key);
    if (known !== undefined && nowMs - known.atMs < READ_EVERY_MS) return known.verdicts;
    const sinceMs = devices.reduce((least, device) => Math.min(least, device.sinceMs), nowMs);
    const of = { slot, version, devices: devices.map(({ device }) => device) };
    const verdicts = await readDrift(ports, { ...of, nowMs, windowMs: nowMs - sinceMs });
    stages.delete(key);
    stages.set(key, { atMs: nowMs, verdicts });
    for (const oldest of stages.keys()) if (stages.size > STAGES_MAX) stages.delete(oldest);
    return verdicts;
  }

  return async (request, nowMs) => {
    const { gates, isSoakOver } = request;
    const others = gates.filter(({ metric }) => metric !== DRIFT_PSI);
    if (others.length === gates.length) return readOthers(request, nowMs);
    const results = others.length === 0 ? [] : [...(await readOthers({ ...request, gates: others }, nowMs))];
    const verdicts = await driftOf(request, nowMs);
    return gates.flatMap((gate) => {
      if (gate.metric === DRIFT_PSI) return [judgeDriftGate(gate, verdicts, isSoakOver)];
      const result = results.shift();
      return result === undefined ? [] : [result];
    });
  };
}
