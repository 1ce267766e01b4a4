import { setTimeout as sleep } from "node:timers/promises";
import type { MqttLink } from "../../common/mqtt-link.ts";

export interface VirtualBrokerOptions {
  /** Numbers in [0, 1): a seed makes a run repeatable as far as the timing of the disk lets it. */
  readonly random: () => number;
  /** Shares of the QoS 0 messages. */
  readonly lostShare?: number;
  readonly doubledShare?: number;
  /** Those that take up to DETOUR_MS longer, and so arrive behind later ones. */
  readonly lateShare?: number;
  /** Sees every QoS 0 message on its way, and may change it. */
  readonly tamper?: (topic: string, payload: Uint8Array) => Uint8Array;
}

export interface VirtualBroker {
  readonly connect: (
    name: string,
    onMessage: (topic: string, payload: Uint8Array) => void | Promise<void>,
  ) => VirtualLink;
}

export interface VirtualLink extends Pick<MqttLink, "publish" | "subscribe" | "unsubscribe"> {
  /** Nothing passes in either direction, and what is on its way is gone. */
  readonly cut: () => void;
  readonly restore: () => void;
  readonly subscriptions: ReadonlySet<string>;
}

const DETOUR_MS = 20;

/** A network that loses, doubles and reorders; QoS 1 arrives. Each link takes one message after the other, as MQTT does. */
export function openVirtualBroker(options: VirtualBrokerOptions): VirtualBroker {
  const { random, lostShare = 0, doubledShare = 0, lateShare = 0, tamper = untouched } = options;
  const links = new Set<{ readonly takes: (topic: string) => boolean; readonly deliver: Deliver }>();

  async function carry(topic: string, payload: Uint8Array, qos: 0 | 1): Promise<void> {
    const copies = qos === 1 ? 1 : random() < lostShare ? 0 : random() < doubledShare ? 2 : 1;
    const bytes = new Uint8Array(qos === 1 ? payload : tamper(topic, payload));
    for (let copy = 0; copy < copies; copy += 1) {
      if (qos === 0 && random() < lateShare) void sleep(random() * DETOUR_MS).then(() => deliverAll(topic, bytes));
      else await deliverAll(topic, bytes);
    }
  }

  async function deliverAll(topic: string, bytes: Uint8Array): Promise<void> {
    await Promise.all([...links].filter(({ takes }) => takes(topic)).map(({ deliver }) => deliver(topic, bytes)));
  }

  return {
    connect: (_name, onMessage) => {
      const subscriptions = new Set<string>();
      let isUp = true;
      let last: Promise<unknown> = Promise.resolve();
      links.add({
        takes: (topic) => isUp && [...subscriptions].some((filter) => matches(filter, topic)),
        deliver: (topic, bytes) => {
          const mine = last.then(() => (isUp ? onMessage(topic, bytes) : undefined));
          last = mine;
          return mine;
        },
      });
      return {
        subscriptions,
        // As with a socket: the sender goes on when the message has left it, not when it has arrived.
        publish: async (topic, payload, { qos }) => {
          if (!isUp) throw new Error("offline");
          void carry(topic, typeof payload === "string" ? Buffer.from(payload) : payload, qos);
          await sleep(0);
        },
        subscribe: (topic) => Promise.resolve(void subscriptions.add(topic)),
        unsubscribe: (topic) => Promise.resolve(void subscriptions.delete(topic)),
        cut: () => {
          isUp = false;
        },
        restore: () => {
          isUp = true;
        },
      };
    },
  };
}

function untouched(_topic: string, payload: Uint8Array): Uint8Array {
  return payload;
}

type Deliver = (topic: string, bytes: Uint8Array) => Promise<void>;

function matches(filter: string, topic: string): boolean {
  const wanted = filter.split("/");
  const levels = topic.split("/");
  return wanted.length === levels.length && wanted.every((level, at) => level === "+" || level === levels[at]);
}
