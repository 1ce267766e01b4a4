/** A device: what its disk keeps, a process that lives while there is power, and a link that comes and goes. */
import { backoffMs, type BackoffPolicy } from "../../common/backoff.ts";
import type { DeviceId, FleetId, Labels, ModelName, SessionId, StatementDigest, StreamId } from "../../protocol/ids.ts";
import type { Hello } from "../../protocol/messages/hello.ts";
import type { Deployment } from "../../protocol/trust/deployment.ts";
import type { Report } from "../../protocol/trust/report.ts";
import { slotReports } from "../../agent/link/slot-reports.ts";
import { isWorking, type SlotState } from "../../agent/update/state.ts";
import type { SlotEvent } from "../../agent/update/slot-event.ts";
import { HELLO_MS } from "../../agent/update/trusted-time.ts";
import type { EventQueue } from "./event-queue.ts";
import type { Fault } from "./faults.ts";
import type { VirtualBundle } from "./virtual-bundle.ts";
import { createDisk, DiskFull, PowerCut, type VirtualDisk } from "./virtual-disk.ts";
import { createEngine, type VirtualEngine } from "./virtual-engine.ts";
import { createReceiver, type ArchiveReceiver } from "./virtual-receiver.ts";
import { createTrust, type VirtualTrust } from "./virtual-trust.ts";
import { createUpdater, type VirtualUpdater } from "./virtual-updater.ts";

export interface DevicePlan {
  readonly id: DeviceId;
  readonly labels: Labels;
  /** Of its link. */
  readonly bytesPerSecond: number;
  /** When it is switched on for the first time. */
  readonly fromMs: number;
}

export type DeviceMessage =
  | { readonly kind: "birth"; readonly session: SessionId }
  | { readonly kind: "hello"; readonly hello: Hello }
  | { readonly kind: "report"; readonly report: Report };

export interface DevicePorts {
  readonly plan: DevicePlan;
  readonly fleet: FleetId;
  readonly faults: readonly Fault[];
  readonly queue: EventQueue;
  readonly random: () => number;
  readonly heartbeatMs: number;
  /** To the controller; it arrives, or not. */
  readonly send: (message: DeviceMessage) => void;
  /** The session is over: the broker says so when its patience ends. */
  readonly onGone: (session: SessionId) => void;
  readonly bundleOf: (statement: StatementDigest) => VirtualBundle | undefined;
  /** In [0, 1): whether this device is one of those on which the bundle fails. */
  readonly luckOf: (bundle: VirtualBundle) => number;
  readonly onBytes: (archive: string, bytes: number) => void;
  readonly onChange: (slot: ModelName, event: SlotEvent, before: SlotState, after: SlotState) => void;
  /** After everything that happens on the device. */
  readonly onEvent: () => void;
  /** For the trace. */
  readonly tell: (text: () => string) => void;
}

export interface VirtualDevice {
  readonly plan: DevicePlan;
  readonly disk: VirtualDisk;
  readonly engine: () => VirtualEngine | undefined;
  /** The traffic of the slot is being changed, or there is no power. */
  readonly isBusy: (slot: ModelName) => boolean;
  readonly isOnline: () => boolean;
  readonly start: () => void;
  /** The broker delivers. */
  readonly hear: (deployment: Deployment) => void;
}

/** One process, from boot to power cut. */
interface Process {
  readonly bootedMs: number;
  readonly engine: VirtualEngine;
  readonly trust: VirtualTrust;
  readonly receiver: ArchiveReceiver;
  updater: VirtualUpdater;
  session: SessionId | undefined;
  isReportDue: boolean;
  /** Announced later than this is asked: an earlier plan to ask again is void. */
  askTurn: number;
}

/** As in `agent/link/hello.ts`. */
const UNANSWERED: BackoffPolicy = { firstMs: 2_000, mostMs: 900_000 };
/** As in `agent/link/heartbeat.ts`: several changes make one report. */
const GAP_MS = 200;
const CONNECT_MS = 2_000;
/** Until the process has read its disk. */
const NO_UPDATER: VirtualUpdater = {
  apply: () => undefined,
  lookAgain: () => undefined,
  lose: () => undefined,
  isBusy: () => true,
};
const TWENTY_YEARS_MS = 20 * 365 * 86_400_000;

export function createDevice(ports: DevicePorts): VirtualDevice {
  const { plan, fleet, faults, queue, random, heartbeatMs, send, tell } = ports;
  const device = plan.id;
  const disk = createDisk(
    device,
    faults.filter((fault) => fault.kind === "power-cut"),
    queue.nowMs,
  );
  const clock = faults.find((fault) => fault.kind === "clock")?.system ?? "right";
  let process: Process | undefined;
  let outages = 0;
  let boots = 0;

  /** Nothing that a process has begun outlives it. */
  function whileAlive(owner: () => Process | undefined, act: () => void): () => void {
    return () => {
      if (process === undefined || owner() !== process) return;
      guarded(act);
    };
  }

  function guarded(act: () => void): void {
    try {
      act();
    } catch (thrown) {
      if (!(thrown instanceof PowerCut)) throw thrown;
      tell(() => thrown.message);
      powerOff(thrown.offMs);
    }
    ports.onEvent();
  }

  function powerOff(offMs: number): void {
    disconnect();
    process = undefined;
    queue.after(offMs, boot);
  }

  function boot(): void {
    if (process !== undefined) return;
    boots += 1;
    tell(() => "boots");
    guarded(() => {
      // The updater acts on what the disk says as soon as it opens: the power may go within.
      process = open();
      process.updater = createUpdater(updaterPorts(process));
      if (outages === 0) connectSoon();
    });
  }

  function open(): Process {
    const bootedMs = queue.nowMs();
    const bootMs = () => queue.nowMs() - bootedMs;
    const systemNowMs = () => (clock === "1970" ? bootMs() : queue.nowMs() + (clock === "ahead" ? TWENTY_YEARS_MS : 0));
    const opened: Process = {
      bootedMs,
      engine: createEngine(queue.nowMs, ports.luckOf),
      trust: createTrust({ fleet, device, disk, bootMs, systemNowMs, random }),
      receiver: createReceiver({
        disk,
        bytesPerSecond: plan.bytesPerSecond,
        isOnline: () => opened.session !== undefined,
        nowMs: queue.nowMs,
        after: (ms, act) => {
          queue.after(
            ms,
            whileAlive(() => opened, act),
          );
        },
        onBytes: ({ sha256 }, bytes) => {
          ports.onBytes(sha256, bytes);
        },
      }),
      updater: NO_UPDATER,
      session: undefined,
      isReportDue: false,
      askTurn: 0,
    };
    return opened;
  }

  function updaterPorts(owner: Process) {
    return {
      disk,
      engine: owner.engine,
      receiver: owner.receiver,
      bundleOf: ports.bundleOf,
      trust: owner.trust,
      random,
      after: (ms: number, act: () => void) => {
        queue.after(
          ms,
          whileAlive(() => owner, act),
        );
      },
      onChange: (slot: ModelName, event: SlotEvent, before: SlotState, after: SlotState) => {
        ports.onChange(slot, event, before, after);
        reportSoon(owner);
      },
    };
  }

  function connectSoon(): void {
    const owner = process;
    queue.after(
      CONNECT_MS * (0.5 + random()),
      whileAlive(() => owner, connect),
    );
  }

  function connect(): void {
    if (process === undefined || outages > 0 || process.session !== undefined) return;
    const session = `${Math.floor(random() * 2 ** 32).toString(16)}${boots.toString(16)}`.padStart(
      16,
      "0",
    ) as SessionId;
    process.session = session;
    tell(() => "connects");
    send({ kind: "birth", session });
    ask(process, 0);
    process.receiver.onConnect();
    reportSoon(process);
    beat(process, session);
  }

  function disconnect(): void {
    if (process?.session === undefined) return;
    const { session, receiver } = process;
    process.session = undefined;
    process.askTurn += 1;
    receiver.onDisconnect();
    ports.onGone(session);
    tell(() => "is cut off");
  }

  /** Asks, and asks again until an answer has come in time. */
  function ask(owner: Process, tries: number): void {
    if (owner.session === undefined) return;
    owner.askTurn += 1;
    const { askTurn, session, trust } = owner;
    send({ kind: "hello", hello: { session, nonce: trust.challenge(), rootVersion: 1, seq: disk.trust.seq } });
    const waitMs = tries === 0 ? UNANSWERED.firstMs : backoffMs(UNANSWERED, tries, random);
    queue.after(
      waitMs,
      whileAlive(
        () => owner,
        () => {
          if (owner.askTurn === askTurn) ask(owner, tries + 1);
        },
      ),
    );
  }

  function onAnswer(owner: Process): void {
    owner.askTurn += 1;
    const { askTurn } = owner;
    queue.after(
      HELLO_MS,
      whileAlive(
        () => owner,
        () => {
          if (owner.askTurn === askTurn) ask(owner, 0);
        },
      ),
    );
  }

  function beat(owner: Process, session: SessionId): void {
    queue.after(
      heartbeatMs * (0.8 + 0.2 * random()),
      whileAlive(
        () => owner,
        () => {
          if (owner.session !== session) return;
          sayReport(owner);
          beat(owner, session);
        },
      ),
    );
  }

  function reportSoon(owner: Process): void {
    if (owner.isReportDue || owner.session === undefined) return;
    owner.isReportDue = true;
    queue.after(
      GAP_MS,
      whileAlive(
        () => owner,
        () => {
          owner.isReportDue = false;
          sayReport(owner);
        },
      ),
    );
  }

  function sayReport(owner: Process): void {
    if (owner.session === undefined) return;
    if (disk.isFull) return;
    // Stored as it is given away; it is no state of a slot, and no point of the cuts.
    disk.reportCounter += 1;
    send({ kind: "report", report: reportOf(owner, owner.session) });
  }

  function reportOf(owner: Process, session: SessionId): Report {
    const progress = [...disk.slots].map(([slot, state]) => ({
      slot,
      state,
      doneBytes: doneBytesOf(disk, state),
      observation: undefined,
    }));
    const nowMs = queue.nowMs();
    return {
      v: 1,
      fleet,
      device,
      counter: disk.reportCounter,
      session,
      atMs: nowMs,
      uptimeMs: nowMs - owner.bootedMs,
      heartbeatMs,
      rootVersion: 1,
      seq: disk.trust.seq,
      fresh: owner.trust.isFresh(),
      slots: slotReports(progress, owner.engine.served()),
      telemetry: { stream: "0".repeat(32) as StreamId, produced: 0, pending: 0 },
    };
  }

  function hear(deployment: Deployment): void {
    if (process?.session === undefined) return;
    const owner = process;
    guarded(() => {
      const verdict = judged(owner, deployment);
      if (verdict?.kind !== "accepted") return;
      if (verdict.isAnswer) onAnswer(owner);
      owner.updater.apply(deployment);
      owner.updater.lookAgain();
      reportSoon(owner);
    });
  }

  /** A document that cannot be stored is not believed: it is asked for again. */
  function judged(owner: Process, deployment: Deployment) {
    try {
      return owner.trust.judge(deployment);
    } catch (thrown) {
      if (thrown instanceof DiskFull) return undefined;
      throw thrown;
    }
  }

  function outage(fromMs: number, untilMs: number): void {
    queue.after(fromMs - queue.nowMs(), () => {
      outages += 1;
      guarded(disconnect);
    });
    queue.after(untilMs - queue.nowMs(), () => {
      outages -= 1;
      if (outages === 0) connectSoon();
    });
  }

  function plant(fault: Fault): void {
    switch (fault.kind) {
      case "offline":
        outage(fault.fromMs, fault.untilMs);
        break;
      case "power-off":
        queue.after(fault.atMs - queue.nowMs(), () => {
          if (process === undefined) return;
          tell(() => "loses its power");
          powerOff(fault.offMs);
        });
        break;
      case "disk-full":
        queue.after(fault.fromMs - queue.nowMs(), () => (disk.isFull = true));
        queue.after(fault.untilMs - queue.nowMs(), () => (disk.isFull = false));
        break;
      case "bit-rot":
        queue.after(fault.atMs - queue.nowMs(), spoil);
        break;
      // The first belongs to the disk, the second to the wire, the third to the process.
      case "power-cut":
      case "lossy":
      case "clock":
        break;
    }
  }

  /** The runner of what answers has ended, and is not started again from files that have changed. */
  function spoil(): void {
    const [slot, state] = [...disk.slots].find(([, { active }]) => active !== null) ?? [];
    if (slot === undefined || state?.active === null || state?.active === undefined) return;
    const { statement } = state.active;
    disk.bundles.delete(statement);
    tell(() => `${slot}: the files of what answers are damaged`);
    if (process?.engine.serving(slot)?.slot.statement !== statement) return;
    const { engine, updater } = process;
    guarded(() => {
      engine.lose(slot);
      updater.lose(slot, statement, { code: "bundle-file-digest", message: "a file of the bundle has changed" });
    });
  }

  return {
    plan,
    disk,
    engine: () => process?.engine,
    isBusy: (slot) => process?.updater.isBusy(slot) ?? true,
    isOnline: () => process?.session !== undefined,
    start: () => {
      for (const fault of faults) plant(fault);
      queue.after(plan.fromMs - queue.nowMs(), boot);
    },
    hear,
  };
}

function doneBytesOf(disk: VirtualDisk, state: SlotState): number | undefined {
  return isWorking(state) ? (disk.archives.get(state.wish.archive.sha256) ?? 0) : undefined;
}
