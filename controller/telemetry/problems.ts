import type { DeviceId } from "../../protocol/ids.ts";
import type { Store, StoreTransaction } from "../store/store.ts";
import { PROBLEM_STEPS, type ProblemName } from "./problem-names.ts";

export interface TelemetryProblem {
  readonly device: DeviceId;
  readonly problem: ProblemName;
  /** Batches or records. */
  readonly count: number;
  readonly firstMs: number;
  readonly lastMs: number;
  /** What it was the last time. */
  readonly example: string;
  /** What a person does about it. */
  readonly next: string;
}

/** A sentence is enough; what a device wrote into it may be of any length. */
const EXAMPLE_CHARS_MAX = 200;
/** Devices with a problem in one transaction; what more there is shows in the next one. */
const NOTES_MAX = 1_000;

export interface ProblemNote {
  readonly device: DeviceId;
  readonly problem: ProblemName;
  readonly count: number;
  readonly example: string;
}

/** Collects what is wrong until it is stored together with what is right. */
export class ProblemTally {
  readonly #notes = new Map<string, ProblemNote>();

  /** `count` more of them, of which `example` is the last. */
  add(device: DeviceId, problem: ProblemName, example: string, count = 1): void {
    const key = `${device} ${problem}`;
    const known = this.#notes.get(key);
    if (known === undefined && this.#notes.size >= NOTES_MAX) return;
    const text = example.slice(0, EXAMPLE_CHARS_MAX);
    this.#notes.set(key, { device, problem, count: (known?.count ?? 0) + count, example: text });
  }

  /** What was taken and could not be stored; what came since is later. */
  giveBack(notes: readonly ProblemNote[]): void {
    for (const { device, problem, count, example } of notes) {
      this.add(device, problem, this.#notes.get(`${device} ${problem}`)?.example ?? example, count);
    }
  }

  get isEmpty(): boolean {
    return this.#notes.size === 0;
  }

  /** What was added, and begins anew. */
  take(): readonly ProblemNote[] {
    const notes = [...this.#notes.values()];
    this.#notes.clear();
    return notes;
  }
}

export async function storeProblems(db: StoreTransaction, notes: readonly ProblemNote[], nowMs: number): Promise<void> {
  for (const { device, problem, count, example } of notes) {
    await db
      .insertInto("telemetry_problems")
      .values({ device, problem, count, first_ms: nowMs, last_ms: nowMs, example })
      .onConflict((conflict) =>
        conflict.columns(["device", "problem"]).doUpdateSet((eb) => ({
          count: eb("telemetry_problems.count", "+", count),
          last_ms: nowMs,
          example,
        })),
      )
      .execute();
  }
}

/** The latest first. */
export async function listProblems(store: Store, device?: DeviceId): Promise<readonly TelemetryProblem[]> {
  let query = store.selectFrom("telemetry_problems").selectAll();
  if (device !== undefined) query = query.where("device", "=", device);
  const rows = await query.orderBy("last_ms", "desc").orderBy("device").execute();
  return rows.map(({ first_ms: firstMs, last_ms: lastMs, ...row }) => ({
    ...row,
    firstMs,
    lastMs,
    next: PROBLEM_STEPS[row.problem].replaceAll("DEVICE", row.device),
  }));
}
