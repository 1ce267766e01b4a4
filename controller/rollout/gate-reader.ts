/** Asks for the gates of a rollout's stage when they can matter, keeps the newest results, and shows them to people. */
import type { RolloutRow } from "../store/tables.ts";
import type { Store } from "../store/store.ts";
import type { GateDevice, ReadGates } from "./gate-request.ts";
import type { GateResult } from "./gate-result.ts";
import { factsOf, gateReadingOf, previousOf } from "./rollout-rows.ts";

export interface GateReaderPorts {
  readonly store: Store;
  readonly readGates: ReadGates;
}

export interface GateReader {
  /** Undefined where they are not due, or there are none. */
  readonly resultsFor: (row: RolloutRow, nowMs: number) => Promise<readonly GateResult[] | undefined>;
  readonly forgetAllBut: (rollouts: ReadonlySet<number>) => void;
}

/** Telemetry comes in batches some seconds apart: looking more often shows nothing more. */
const READ_EVERY_MS = 1_000;

export function createGateReader({ store, readGates }: GateReaderPorts): GateReader {
  /** When each rollout's gates were read last, and in which phase: one that the rollout has come into is read for at once. */
  const lastRead = new Map<number, { readonly atMs: number; readonly phase: string }>();
  return {
    resultsFor: async (row, nowMs) => {
      const { spec, state, stage, phase } = factsOf(row);
      if (state !== "running" || phase === "approval" || spec.gates.length === 0) return undefined;
      const key = `${stage} ${phase}`;
      const last = lastRead.get(row.id);
      if (last?.phase === key && nowMs - last.atMs < READ_EVERY_MS) return undefined;
      const devices = await readGateDevices(store, row);
      if (devices.length === 0) return undefined;
      lastRead.set(row.id, { atMs: nowMs, phase: key });
      const results = await readGates(
        {
          rollout: row.id,
          stage,
          slot: row.name,
          version: row.version,
          gates: spec.gates,
          isBeside: spec.mode !== undefined,
          devices,
          isSoakOver: phase === "gates",
        },
        nowMs,
      );
      await keep(store, row, results, nowMs);
      return results;
    },
    forgetAllBut: (rollouts) => {
      for (const id of lastRead.keys()) if (!rollouts.has(id)) lastRead.delete(id);
    },
  };
}

async function readGateDevices(store: Store, { id, stage }: RolloutRow): Promise<GateDevice[]> {
  const rows = await store
    .selectFrom("rollout_devices")
    .select(["device", "started_ms", "previous_json"])
    .where("rollout", "=", id)
    .where("stage", "=", stage)
    .where("ask", "=", "forward")
    .where("live", "=", 1)
    .where("started_ms", "is not", null)
    .execute();
  return rows.map(({ device, started_ms, previous_json }) => ({
    device,
    sinceMs: started_ms ?? 0,
    replaces: previousOf({ previous_json })?.version ?? null,
  }));
}

/** For people: written where it says something else than before. */
async function keep(store: Store, row: RolloutRow, results: readonly GateResult[], nowMs: number): Promise<void> {
  const before = gateReadingOf(row);
  if (before?.stage === row.stage && JSON.stringify(before.results) === JSON.stringify(results)) return;
  await store
    .updateTable("rollouts")
    .set({ gates_json: JSON.stringify({ stage: row.stage, atMs: nowMs, results }) })
    .where("id", "=", row.id)
    .execute();
}
