/** Everything that devices say, taken apart by topic and given to the part that it concerns. */
import type { Clock } from "../../common/clock.ts";
import { messageOf, systemCodeOf } from "../../common/ferry-error.ts";
import type { Log } from "../../common/log.ts";
import type { DeviceId, FleetId } from "../../protocol/ids.ts";
import { parseDeviceInfo } from "../../protocol/messages/device-info.ts";
import { parseDeviceState } from "../../protocol/messages/device-state.ts";
import { parseHello } from "../../protocol/messages/hello.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { UpKind } from "../../protocol/topics.ts";
import { unreachable } from "../../protocol/unreachable.ts";
import type { Store } from "../store/store.ts";
import type { Director } from "./director.ts";
import { recordEvent } from "./events.ts";
import { ensureDevice, recordInfo } from "./inventory.ts";
import type { PresenceKeeper } from "./presence-keeper.ts";
import { acceptReport } from "./reports.ts";

export interface DeviceMessagePorts {
  readonly store: Store;
  readonly fleet: FleetId;
  readonly presence: PresenceKeeper;
  readonly director: Director;
  readonly onTelemetry: (device: DeviceId, payload: Uint8Array) => void | Promise<void>;
  readonly onWant: (device: DeviceId, payload: Uint8Array) => void | Promise<void>;
  /** Something that a rollout may wait for has changed. */
  readonly touch: (device: DeviceId) => void;
  readonly clock: Clock;
  readonly log: Log;
}

export type DeviceMessages = (kind: UpKind, device: DeviceId, payload: Uint8Array) => Promise<void>;

/** The handler settles when the message has had its effect: the link takes no further one before. It never rejects. */
export function createDeviceMessages(ports: DeviceMessagePorts): DeviceMessages {
  const { store, clock, log } = ports;
  return async (kind, device, payload) => {
    try {
      // Chunks wanted by strangers cost nothing to look up; a row in the database is for what is kept. Telemetry brings
      // it along itself: to wait here for the database would store a fleet's batches one by one.
      if (kind !== "want" && kind !== "telemetry" && !(await ensureDevice(store, device, clock.nowMs()))) return;
      ports.presence.heard(device);
      await handle(ports, kind, device, payload);
    } catch (thrown) {
      if (thrown instanceof ProtocolError) {
        const text = `${device} sent a ${kind} that cannot be read: ${thrown.message}`;
        log.warn({ device, kind, code: thrown.code }, text);
        await recordEvent(store, { kind: "message-refused", device, text }, clock.nowMs());
      } else if (systemCodeOf(thrown) === "offline") {
        // The device says it again after the reconnect.
        log.debug({ device, kind }, "the broker went away before the answer");
      } else {
        log.error({ device, kind, error: messageOf(thrown) }, "a device's message could not be handled");
      }
    }
  };
}

async function handle(ports: DeviceMessagePorts, kind: UpKind, device: DeviceId, payload: Uint8Array): Promise<void> {
  const { store, presence, director, touch, clock } = ports;
  switch (kind) {
    case "state":
      if (await presence.state(device, parseDeviceState(payload))) touch(device);
      return;
    case "info":
      await recordInfo(store, device, parseDeviceInfo(payload), clock.nowMs());
      touch(device);
      return;
    case "hello": {
      const hello = parseHello(payload);
      await presence.sign(device, hello.session);
      await director.answer(device, hello);
      touch(device);
      return;
    }
    case "report":
      await handleReport(ports, device, payload);
      return;
    case "telemetry":
      await ports.onTelemetry(device, payload);
      return;
    case "want":
      await ports.onWant(device, payload);
      return;
    default:
      unreachable(kind);
  }
}

async function handleReport(ports: DeviceMessagePorts, device: DeviceId, payload: Uint8Array): Promise<void> {
  const { store, presence, director, touch, clock, log } = ports;
  const outcome = await acceptReport(store, ports.fleet, device, payload, clock.nowMs());
  switch (outcome.kind) {
    case "accepted":
      await presence.sign(device, outcome.report.session);
      await director.recover(device);
      touch(device);
      return;
    case "duplicate":
      return;
    case "refused": {
      const text = `A report of ${device} was refused: ${outcome.why}`;
      log.warn({ device }, text);
      await recordEvent(store, { kind: "report-refused", device, text }, clock.nowMs());
      return;
    }
    default:
      unreachable(outcome);
  }
}
