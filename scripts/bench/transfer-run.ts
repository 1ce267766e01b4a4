import { once } from "node:events";
import type { ChildProcess } from "node:child_process";
import { mkdir, rm } from "node:fs/promises";
import { systemClock } from "../../common/clock.ts";
import { BENCH_FLEET, openBenchController } from "./bench-controller.ts";
import type { ArchivePaths } from "./generated-archive.ts";
import { endChild, forkModule } from "./transfer-brokers.ts";
import type { FetchOrder, ReceiverNews, ReceiversPlan } from "./transfer-receivers.ts";

export interface TransferRun {
  readonly url: string;
  readonly archive: ArchivePaths;
  readonly directory: string;
  readonly receivers: number;
  readonly slow: number;
  readonly frozen: number;
}

export interface TransferResult {
  /** What the controller published, headers and chunk list included, per byte of the archive. */
  readonly bytesPerByte: number;
  readonly broadcastBytes: number;
  readonly unicastBytes: number;
  /** Until the last healthy receiver had the archive on its disk, checked. */
  readonly healthyMs: number;
  /** That of the last healthy receiver. */
  readonly bytesPerSecond: number;
  readonly slowMs: readonly number[];
  readonly frozenMs: readonly number[];
}

/** Receivers in one process: their own work must not be what is measured. */
const RECEIVERS_PER_PROCESS = 25;
const SLOW_FRAME_MS = 15;
const FREEZE_AFTER_MS = 200;
const FROZEN_MS = 8_000;
/** A bench that takes longer has failed. */
const DEADLINE_MS = 300_000;

/** One controller in this process, receivers in others, one archive from here to there. */
export async function runTransfer(run: TransferRun): Promise<TransferResult> {
  const tookMs = new Map<string, number>();
  const groups = groupsOf(run);
  await mkdir(run.directory, { recursive: true });
  await using controller = await openBenchController(run.url, run.archive);
  const children = await Promise.all(groups.map((group) => startReceivers(group.plan, tookMs)));
  try {
    const order: FetchOrder = { archive: controller.archive };
    for (const child of children) child.send(order);
    for (const [at, child] of children.entries()) if (groups[at]?.kind === "frozen") void freeze(child);
    const wanted = run.receivers + run.slow + run.frozen;
    const deadlineMs = performance.now() + DEADLINE_MS;
    while (tookMs.size < wanted) {
      if (performance.now() > deadlineMs)
        throw new Error(`only ${String(tookMs.size)} of ${String(wanted)} receivers are done`);
      controller.look();
      await systemClock.sleep(50);
    }
    const timesOf = (kind: Group["kind"]) =>
      groups
        .filter((group) => group.kind === kind)
        .flatMap(({ plan }) => plan.devices.map((device) => tookMs.get(device) ?? 0));
    const healthyMs = Math.max(...timesOf("healthy"));
    const { broadcastBytes, unicastBytes } = controller.look();
    return {
      bytesPerByte: (broadcastBytes + unicastBytes) / controller.archive.length,
      broadcastBytes,
      unicastBytes,
      healthyMs,
      bytesPerSecond: controller.archive.length / (healthyMs / 1_000),
      slowMs: timesOf("slow"),
      frozenMs: timesOf("frozen"),
    };
  } finally {
    await Promise.all(children.map(endChild));
    await rm(run.directory, { recursive: true, force: true });
  }
}

interface Group {
  readonly kind: "healthy" | "slow" | "frozen";
  readonly plan: ReceiversPlan;
}

function groupsOf({ url, directory, receivers, slow, frozen }: TransferRun): Group[] {
  const common = { url, fleet: BENCH_FLEET, directory };
  const named = (kind: string, count: number, first = 0) =>
    Array.from({ length: count }, (_, at) => `${kind}-${String(first + at)}`);
  const groups: Group[] = [];
  for (let first = 0; first < receivers; first += RECEIVERS_PER_PROCESS) {
    const devices = named("healthy", Math.min(RECEIVERS_PER_PROCESS, receivers - first), first);
    groups.push({ kind: "healthy", plan: { ...common, devices, frameMs: 0 } });
  }
  if (slow > 0)
    groups.push({ kind: "slow", plan: { ...common, devices: named("slow", slow), frameMs: SLOW_FRAME_MS } });
  if (frozen > 0) groups.push({ kind: "frozen", plan: { ...common, devices: named("frozen", frozen), frameMs: 0 } });
  return groups;
}

async function startReceivers(plan: ReceiversPlan, tookMs: Map<string, number>): Promise<ChildProcess> {
  const child = forkModule("transfer-receivers.ts", [JSON.stringify(plan)]);
  await once(child, "message");
  child.on("message", (news: ReceiverNews) => {
    if (news.kind === "done") tookMs.set(news.device, news.tookMs);
  });
  return child;
}

async function freeze(child: ChildProcess): Promise<void> {
  await systemClock.sleep(FREEZE_AFTER_MS);
  child.kill("SIGSTOP");
  await systemClock.sleep(FROZEN_MS);
  child.kill("SIGCONT");
}
