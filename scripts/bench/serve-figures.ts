/** What `serve.ts` makes of its measurements: medians over the rounds, and what ours is in terms of express. */
import type { LoadResult } from "./serve-load.ts";
import type { ModelSize } from "./serve-models.ts";

/** One way of asking one model in one round. */
export interface Figures extends LoadResult {
  readonly size: ModelSize;
  readonly way: string;
  readonly clients: number;
  /** Of `GET /v2/health/live` meanwhile, in milliseconds; empty where it was not asked. */
  readonly probeTimes: readonly number[];
}

export interface Goal {
  readonly what: string;
  readonly value: number;
  readonly bound: string;
  readonly holds: boolean;
}

interface Summary {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly perSecond: number;
  readonly failed: number;
  readonly probeP99Ms: number | undefined;
}

/** The large model once more: its 16 clients wait for runners, not for the agent. */
export const TWO_RUNNERS = "ours, 2 runners";

/** Ours may take so much longer than express for one client: isolation is almost free. */
const LATENCY_RATIO_MAX = 1.1;
/** Answers a second with 16 clients, in terms of express. */
const THROUGHPUT_RATIO_MIN: Readonly<Record<ModelSize, number>> = { digits: 3, medium: 1.3, large: 1 };
/** A probe of a supervisor that waits a second at most must never come near it. */
const PROBE_P99_MS_MAX = 5;

/** What the floor itself misses is held against the floor: checks, counts and queues may double what it takes. */
const FLOOR_RATIO_MAX = 2;

export function goalsOf(figures: readonly Figures[]): Goal[] {
  const sizes = [...new Set(figures.map(({ size }) => size))];
  return sizes.flatMap((size) => {
    const of = (way: string, clients: number) => summaryOf(figures, size, way, clients);
    const latency = (way: string) => of(way, 1).p50Ms;
    const throughput = (way: string) => of(way, 16).perSecond;
    const ways = ["ours binary", TWO_RUNNERS].filter((way) =>
      figures.some((one) => one.size === size && one.way === way),
    );
    const probeOf = (way: string) => of(way, 16).probeP99Ms ?? NaN;
    return [
      goalOf(`${size}: p50 at 1 client`, latency, { way: "ours binary", bound: LATENCY_RATIO_MAX, isMost: true }),
      ...ways.map((way) =>
        goalOf(`${size}: a second at 16 clients`, throughput, {
          way,
          bound: THROUGHPUT_RATIO_MIN[size],
          isMost: false,
        }),
      ),
      ...(Number.isNaN(probeOf("ours binary"))
        ? []
        : [probeGoal(size, probeOf("floor binary"), probeOf("ours binary"))]),
    ];
  });
}

function goalOf(
  what: string,
  of: (way: string) => number,
  { way, bound, isMost }: { readonly way: string; readonly bound: number; readonly isMost: boolean },
): Goal {
  const [express, floor, ours] = [of("express binary"), of("floor binary"), of(way)];
  const meets = (value: number) => (isMost ? value <= bound : value >= bound);
  const toFloor = isMost ? ours / floor : floor / ours;
  const told = `${isMost ? "at most" : "at least"} ${String(bound)}`;
  if (meets(ours / express) || meets(floor / express) || Number.isNaN(floor)) {
    return { what: `${what}, ${way} to express`, value: ours / express, bound: told, holds: meets(ours / express) };
  }
  const why = `the floor has ${(floor / express).toFixed(2)} of ${told} express`;
  return {
    what: `${what}, ${isMost ? `${way} to the floor` : `the floor to ${way}`}`,
    value: toFloor,
    bound: `at most ${String(FLOOR_RATIO_MAX)}, because ${why}`,
    holds: toFloor <= FLOOR_RATIO_MAX,
  };
}

/** On a machine where the floor misses it as well, the processors are not there when they are wanted. */
function probeGoal(size: ModelSize, floorMs: number, value: number): Goal {
  const mostMs = floorMs > PROBE_P99_MS_MAX ? floorMs * FLOOR_RATIO_MAX : PROBE_P99_MS_MAX;
  const why = mostMs === PROBE_P99_MS_MAX ? "" : `, twice the floor's`;
  const bound = `at most ${mostMs.toFixed(1)}${why}`;
  return { what: `${size}: live probe p99 at 16 clients, ms`, value, bound, holds: value <= mostMs };
}

/** Medians over the rounds. */
function summaryOf(figures: readonly Figures[], size: ModelSize, way: string, clients: number): Summary {
  const rounds = figures.filter((one) => one.size === size && one.way === way && one.clients === clients);
  const median = (of: (round: Figures) => number) => quantile(rounds.map(of), 0.5);
  const probes = rounds.flatMap(({ probeTimes }) => probeTimes);
  return {
    p50Ms: median(({ times }) => quantile(times, 0.5)),
    p99Ms: median(({ times }) => quantile(times, 0.99)),
    perSecond: median(({ times, tookMs }) => (times.length * 1_000) / tookMs),
    failed: rounds.reduce((sum, { failed }) => sum + failed, 0),
    probeP99Ms: probes.length === 0 ? undefined : quantile(probes, 0.99),
  };
}

export function table(figures: readonly Figures[], goals: readonly Goal[]): string {
  const keys = [...new Set(figures.map(({ size, way, clients }) => JSON.stringify([size, way, clients])))];
  const rows = keys.map((key) => {
    const [size, way, clients] = JSON.parse(key) as [ModelSize, string, number];
    const { p50Ms, p99Ms, perSecond, failed, probeP99Ms } = summaryOf(figures, size, way, clients);
    const probe = probeP99Ms === undefined ? "" : `live probe p99 ${probeP99Ms.toFixed(1)} ms`;
    const columns = [p50Ms.toFixed(2), p99Ms.toFixed(2), perSecond.toFixed(0), String(failed)];
    return `${size.padEnd(7)} ${way.padEnd(15)} ${String(clients).padStart(3)} ${columns.map((text) => text.padStart(9)).join(" ")}   ${probe}`.trimEnd();
  });
  const head = `model   way         clients    p50 ms    p99 ms  a second    failed`;
  const told = goals.map(
    ({ what, value, bound, holds }) => `${holds ? "holds " : "MISSED"}  ${what}: ${value.toFixed(2)}, ${bound}`,
  );
  return `${[head, ...rows, "", ...told].join("\n")}\n`;
}

function quantile(values: readonly number[], share: number): number {
  const ascending = [...values].sort((a, b) => a - b);
  return ascending[Math.min(ascending.length - 1, Math.floor(ascending.length * share))] ?? Number.NaN;
}
