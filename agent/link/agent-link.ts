/** The device's MQTT session: which topics it hears, and which part of the agent hears what. */
import type { Clock } from "../../common/clock.ts";
import { messageOf } from "../../common/ferry-error.ts";
import type { Log } from "../../common/log.ts";
import { openMqttLink, type MqttLink, type TlsCredentials } from "../../common/mqtt-link.ts";
import type { DeviceId, FleetId, GroupId } from "../../protocol/ids.ts";
import type { DeviceState } from "../../protocol/messages/device-state.ts";
import { deviceTopics, fleetTopics, groupTopics, parseTopic } from "../../protocol/topics.ts";
import { unreachable } from "../../protocol/unreachable.ts";

/** Who hears what; each may throw for a message that makes no sense. */
export interface AgentMessageHandlers {
  readonly onDesired: (payload: Uint8Array) => void;
  readonly onRoot: (version: number, payload: Uint8Array) => void;
  readonly onTelemetryAck: (payload: Uint8Array) => void;
  /** Offers, whether to the group or to this device. */
  readonly onOffer: (payload: Uint8Array) => void | Promise<void>;
  /** A promise holds back the next message: chunks never pile up in memory before a slow disk. */
  readonly onChunk: (payload: Uint8Array) => void | Promise<void>;
  readonly onPredict: (topic: string, payload: Uint8Array) => void | Promise<void>;
}

export interface AgentLinkOptions extends AgentMessageHandlers {
  readonly url: string;
  readonly tls: (() => TlsCredentials) | undefined;
  readonly fleet: FleetId;
  readonly device: DeviceId;
  readonly keepAliveSeconds: number;
  readonly bootId: string;
  readonly agentVersion: string;
  /** After each connect, when the subscriptions stand and the birth has been said. */
  readonly onConnect: (session: string) => void;
  readonly onDisconnect: () => void;
  readonly clock: Clock;
  readonly log: Log;
}

export interface AgentLink extends MqttLink {
  /** Messages that made no sense, since the start. */
  readonly malformed: () => number;
}

/** Every device listens with this group: a broadcast reaches all who want it. */
const GROUP_ALL = "all" as GroupId;

export function openAgentLink(options: AgentLinkOptions): AgentLink {
  const { fleet, device, clock, log } = options;
  const topics = deviceTopics(fleet, device);
  let malformed = 0;

  async function deliver(topic: string, payload: Uint8Array): Promise<void> {
    try {
      await dispatch(options, topic, payload);
    } catch (thrown) {
      malformed += 1;
      log.warn({ topic, bytes: payload.byteLength, error: messageOf(thrown) }, "a message was left aside");
    }
  }

  function stateMessage(state: DeviceState["state"], session: string): string {
    const { bootId, agentVersion } = options;
    // The link's session is what the schema calls one: 64 random bits.
    const message = { state, session, bootId, atMs: clock.nowMs(), agentVersion };
    return JSON.stringify(message);
  }

  const link = openMqttLink({
    url: options.url,
    tls: options.tls,
    // Brokers that know who connects hold the client id against it; a second connection takes the first one's place.
    clientId: device,
    keepAliveSeconds: options.keepAliveSeconds,
    will: (session) => ({ topic: topics.state, payload: stateMessage("offline", session) }),
    subscriptions: new Map<string, 0 | 1>([
      [topics.desired, 1],
      [topics.command, 1],
      [topics.telemetryAck, 0],
      [topics.chunk, 0],
      [groupTopics(fleet, GROUP_ALL).command, 1],
      [fleetTopics(fleet).rootAny, 1],
      [topics.predictAny, 1],
    ]),
    onConnect: (session) => {
      link.publish(topics.state, stateMessage("online", session), { qos: 1, retain: true }).catch((error: unknown) => {
        log.debug({ error: messageOf(error) }, "the birth was not said; the connection is gone again");
      });
      options.onConnect(session);
    },
    onDisconnect: options.onDisconnect,
    onMessage: deliver,
    clock,
    log,
  });
  return Object.assign(link, { malformed: () => malformed });
}

/** Throws for a topic that is none, or what the part throws that hears it. */
async function dispatch(handlers: AgentMessageHandlers, topic: string, payload: Uint8Array): Promise<void> {
  const parsed = parseTopic(topic);
  switch (parsed.kind) {
    case "desired":
      handlers.onDesired(payload);
      return;
    case "root":
      handlers.onRoot(parsed.version, payload);
      return;
    case "telemetryAck":
      handlers.onTelemetryAck(payload);
      return;
    case "command":
    case "groupCommand":
      await handlers.onOffer(payload);
      return;
    case "chunk":
    case "groupChunk":
      await handlers.onChunk(payload);
      return;
    case "predict":
      await handlers.onPredict(topic, payload);
      return;
    case "state":
    case "info":
    case "hello":
    case "report":
    case "telemetry":
    case "want":
    case "answer":
    case "controllerState":
      // Not subscribed to: a broker that sends it anyway is not listened to.
      return;
    default:
      unreachable(parsed);
  }
}
