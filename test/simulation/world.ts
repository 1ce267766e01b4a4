/** A fleet in virtual time: devices, the wires to them, and what the controller knows. */
import type { DeviceId, FleetId } from "../../protocol/ids.ts";
import { watchDevice } from "./device-promises.ts";
import type { EventQueue } from "./event-queue.ts";
import type { Fault } from "./faults.ts";
import { randomFor } from "./random.ts";
import type { VirtualBundle } from "./virtual-bundle.ts";
import { createDevice, type DevicePlan, type VirtualDevice } from "./virtual-device.ts";
import { createFleet, type VirtualFleet } from "./virtual-fleet.ts";
import { createWire, type Wire } from "./wire.ts";

export interface WorldOptions {
  readonly seed: number;
  readonly queue: EventQueue;
  readonly devices: readonly DevicePlan[];
  readonly faults: readonly Fault[];
  readonly bundles: readonly VirtualBundle[];
  readonly heartbeatMs: number;
  readonly onNews: (device: DeviceId) => void;
  /** Undefined: nothing is traced, and the texts are not made. */
  readonly trace: Trace | undefined;
}

export type Trace = (atMs: number, who: string, text: string) => void;

export interface World {
  readonly fleet: VirtualFleet;
  readonly devices: ReadonlyMap<DeviceId, VirtualDevice>;
  /** Bytes of this archive that were sent to any device. */
  readonly bytesOf: (archive: string) => number;
  /** The device was committed to this at some time. */
  /** The device gave traffic to it at some time. */
  readonly hasServed: (device: DeviceId, statement: string) => boolean;
  readonly isGood: (statement: string) => boolean;
  readonly hasCommitted: (device: DeviceId, statement: string) => boolean;
}

export const FLEET = "simulated" as FleetId;
/** One and a half times the keep-alive of a minute: then the broker says that the device is gone. */
const WILL_MS = 90_000;
const KEEP_UP_MS = 60_000;

export function createWorld(options: WorldOptions): World {
  const { queue, trace } = options;
  const wires = new Map<DeviceId, Wire>();
  const devices = new Map<DeviceId, VirtualDevice>();
  const sent = new Map<string, number>();
  const commitments = new Set<string>();
  const servings = new Set<string>();
  const bundles = new Map<string, VirtualBundle>(options.bundles.map((bundle) => [bundle.slot.statement, bundle]));
  const faultsOf = Map.groupBy(options.faults, ({ device }) => device);
  const fleet = createFleet({
    fleet: FLEET,
    queue,
    onNews: options.onNews,
    publish: (device, deployment) => {
      const wire = wires.get(device);
      if (wire === undefined) return;
      wire.retained = deployment;
      wire.carry(() => devices.get(device)?.hear(deployment));
    },
  });

  function add(plan: DevicePlan): void {
    const faults = faultsOf.get(plan.id) ?? [];
    const wire = createWire(plan.id, { queue, faults, random: randomFor(options.seed, `wire ${plan.id}`) });
    wires.set(plan.id, wire);
    const device = createDevice({
      plan,
      fleet: FLEET,
      faults,
      queue,
      random: randomFor(options.seed, `device ${plan.id}`),
      heartbeatMs: options.heartbeatMs,
      send: (message) => {
        wire.carry(() => {
          fleet.hear(plan, message);
          if (message.kind === "birth" && wire.retained !== undefined) devices.get(plan.id)?.hear(wire.retained);
        });
      },
      onGone: (session) => {
        queue.after(WILL_MS, () => {
          fleet.bury(plan.id, session);
        });
      },
      bundleOf: (statement) => bundles.get(statement),
      luckOf: ({ slot }) => randomFor(options.seed, `${plan.id} ${slot.statement}`)(),
      onBytes: (archive, bytes) => {
        sent.set(archive, (sent.get(archive) ?? 0) + bytes);
      },
      onChange: (slot, event, before, after) => {
        if (trace !== undefined) {
          const active = after.active === null ? "nothing" : after.active.version;
          trace(
            queue.nowMs(),
            plan.id,
            `${slot}: ${before.phase} --${event.kind}--> ${after.phase}, ${active} answers`,
          );
        }
        if (after.phase === "soaking") servings.add(`${plan.id} ${after.wish.statement}`);
        if (after.phase === "committed") commitments.add(`${plan.id} ${after.wish.statement}`);
        watch.onChange(slot, event, before, after);
      },
      onEvent: () => {
        watch.look();
      },
      tell: (text) => trace?.(queue.nowMs(), plan.id, text()),
    });
    const watch = watchDevice(device, queue.nowMs);
    devices.set(plan.id, device);
    device.start();
  }

  function keepUp(): void {
    fleet.keepUp();
    queue.after(KEEP_UP_MS, keepUp);
  }

  for (const plan of options.devices) add(plan);
  keepUp();
  return {
    fleet,
    devices,
    bytesOf: (archive) => sent.get(archive) ?? 0,
    hasServed: (device, statement) => servings.has(`${device} ${statement}`),
    isGood: (statement) => bundles.get(statement)?.behaviour.kind === "good",
    hasCommitted: (device, statement) => commitments.has(`${device} ${statement}`),
  };
}
