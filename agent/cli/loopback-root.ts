/** The first root from a broker without certificates on this machine; nothing about it is believed here. */
import { systemClock } from "../../common/clock.ts";
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import { openLog } from "../../common/log.ts";
import { openMqttLink } from "../../common/mqtt-link.ts";
import type { DeviceId, FleetId } from "../../protocol/ids.ts";
import { fleetTopics } from "../../protocol/topics.ts";
import { DEFAULT_KEEP_ALIVE_SECONDS } from "../config.ts";

/** A broker on the same machine answers in under a second; a controller that has just started publishes within two. */
const ROOT_WAIT_MS = 10_000;

export interface LoopbackBroker {
  readonly broker: string;
  readonly fleet: FleetId;
  readonly device: DeviceId;
}

/** The retained root. Throws FerryError `broker-unreachable`, `no-root`. */
export async function fetchRetainedRoot({ broker, fleet, device }: LoopbackBroker): Promise<Uint8Array> {
  const topic = fleetTopics(fleet).root(1);
  const received = Promise.withResolvers<Uint8Array>();
  const connection = { isMade: false };
  await using _link = openMqttLink({
    url: broker,
    clientId: device,
    keepAliveSeconds: DEFAULT_KEEP_ALIVE_SECONDS,
    subscriptions: new Map([[topic, 1 as const]]),
    onConnect: () => {
      connection.isMade = true;
    },
    onMessage: (from, payload) => {
      if (from === topic) received.resolve(Uint8Array.from(payload));
    },
    clock: systemClock,
    log: openLog("ferry-agent", "silent"),
  });
  const waiting = new AbortController();
  const bytes = await Promise.race([
    received.promise,
    systemClock.sleep(ROOT_WAIT_MS, waiting.signal).then(() => undefined),
  ]);
  waiting.abort();
  if (bytes !== undefined) return bytes;
  throw connection.isMade ? noRoot(broker, fleet) : unreachable(broker);
}

function unreachable(broker: string): FerryError {
  return new FerryError("broker-unreachable", `Cannot reach the broker ${broker} within ${ROOT_WAIT_MS / 1000} s`, {
    hint: "Is the address right, and is the controller up (`ferry up`)? A firewall may close the port.",
    exitCode: EXIT.unreachable,
  });
}

function noRoot(broker: string, fleet: string): FerryError {
  return new FerryError("no-root", `The broker ${broker} holds no root of a fleet called "${fleet}"`, {
    hint: "Is the controller of this fleet up (`ferry up`), and is --fleet spelt as `ferry init` printed it?",
    exitCode: EXIT.notFound,
  });
}
