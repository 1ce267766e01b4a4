/** What the controller says of itself on MQTT, and how it takes apart what it hears. */
import { messageOf } from "../common/ferry-error.ts";
import type { Log } from "../common/log.ts";
import type { CallerId, DeviceId, SessionId } from "../protocol/ids.ts";
import type { ControllerState } from "../protocol/messages/controller-state.ts";
import { parseTopic } from "../protocol/topics.ts";
import type { DeviceMessages } from "./fleet/device-messages.ts";

/** The controller's client id, and the caller as which it asks devices for predictions. */
export const CONTROLLER = "controller" as CallerId;

export function controllerState(state: ControllerState["state"], session: string, atMs: number): string {
  // The link made the session of 16 hexadecimal digits.
  const said: ControllerState = { state, session: session as SessionId, atMs };
  return JSON.stringify(said);
}

export interface InboxPorts {
  readonly onDeviceMessage: DeviceMessages;
  readonly onAnswer: (device: DeviceId, payload: Uint8Array) => void;
  readonly log: Log;
}

/** Gives each message to the part that it is for; its promise holds back the next one. */
export function createInbox({ onDeviceMessage, onAnswer, log }: InboxPorts) {
  return async (topic: string, payload: Uint8Array): Promise<void> => {
    let parsed: ReturnType<typeof parseTopic>;
    try {
      parsed = parseTopic(topic);
    } catch (thrown) {
      log.debug({ error: messageOf(thrown) }, "a message on an unknown topic was left aside");
      return;
    }
    switch (parsed.kind) {
      case "state":
      case "info":
      case "hello":
      case "report":
      case "telemetry":
      case "want":
        await onDeviceMessage(parsed.kind, parsed.device, payload);
        return;
      case "answer":
        if (parsed.caller === CONTROLLER) onAnswer(parsed.device, payload);
        return;
      default:
        // The controller listens to nothing else; a broker that sends it all the same is not followed.
        return;
    }
  };
}
