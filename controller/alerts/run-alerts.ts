/** Looks at the fleet at a steady pace, and has every receiver told; none waits for another. */
import type { Clock } from "../../common/clock.ts";
import { messageOf } from "../../common/ferry-error.ts";
import type { Log } from "../../common/log.ts";
import type { DeviceId, FleetId } from "../../protocol/ids.ts";
import { recordEvent } from "../fleet/events.ts";
import type { Store } from "../store/store.ts";
import type { AlertBook } from "./alert-book.ts";
import { summaryOf } from "./alert-message.ts";
import { decideAlerts, isFlapping, type Alert } from "./decide.ts";
import { runReceiver } from "./deliver.ts";
import { readSamples } from "./read-samples.ts";
import type { ReceiverConfig } from "./receiver-config.ts";
import type { ReadSlowSamples } from "./slow-samples.ts";

export interface AlertPorts {
  readonly book: AlertBook;
  readonly store: Store;
  readonly fleet: FleetId;
  readonly rootExpiresMs: () => number;
  readonly readSlow: ReadSlowSamples;
  readonly receivers: readonly ReceiverConfig[];
  readonly externalUrl: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** Half of the shortest for-duration that makes sense. */
const LOOK_MS = 15_000;
/** After a start, devices come back first: what their absence looks like is no alert. */
const FIRST_LOOK_MS = 5_000;
/** The history tells at most so many changes of one look by name: it must not be pushed out by one power cut. */
const EVENTS_A_LOOK_MAX = 50;

export async function runAlerts(ports: AlertPorts, signal: AbortSignal): Promise<void> {
  const { book, store, receivers, clock, log } = ports;
  const onState = async (receiver: string, problem: string | undefined) => {
    const text =
      problem === undefined
        ? `Alerts reach ${receiver} again`
        : `Alerts do not reach ${receiver}: ${problem}; they wait, and are tried again`;
    await recordEvent(store, { kind: "alert-receiver", text }, clock.nowMs());
  };
  const delivery = { ...ports, onState, random: Math.random };
  await Promise.all([look(), ...receivers.map((receiver) => runReceiver(delivery, receiver, signal))]);

  async function look(): Promise<void> {
    await clock.sleep(FIRST_LOOK_MS, signal);
    while (!signal.aborted) {
      try {
        await lookOnce(ports);
      } catch (thrown) {
        log.error({ error: messageOf(thrown) }, "alert rules could not be looked at; trying again");
      }
      for (const { name, why } of book.rules().broken) log.warn({ rule: name, why }, "an alert rule cannot be read");
      await clock.sleep(LOOK_MS, signal);
    }
  }
}

export async function lookOnce({ book, store, rootExpiresMs, readSlow, clock, log }: AlertPorts): Promise<void> {
  const nowMs = clock.nowMs();
  const samples = await readSamples(store, { nowMs, rootExpiresMs: rootExpiresMs(), readSlow });
  const rules = book.rules().rules.map(({ rule }) => rule);
  const { alerts, changed, leftOut } = decideAlerts({ rules, samples, before: book.alerts(), nowMs });
  if (leftOut > 0) log.error({ leftOut }, "more alerts than can be kept: some are left out");
  await book.replace(alerts, async (trx) => {
    for (const alert of changed.slice(0, EVENTS_A_LOOK_MAX)) await recordEvent(trx, eventOf(alert), nowMs);
    const more = changed.length - EVENTS_A_LOOK_MAX;
    if (more > 0) {
      const text = `${more} more alerts began or ended: see ferry alerts list`;
      await recordEvent(trx, { kind: "alert-firing", text }, nowMs);
    }
  });
}

function eventOf(alert: Alert) {
  const { device } = alert.labels;
  const isFiring = alert.phase === "firing";
  return {
    kind: isFiring ? ("alert-firing" as const) : ("alert-resolved" as const),
    // It was read from the devices of this database.
    ...(device === undefined ? {} : { device: device as DeviceId }),
    text: `${isFiring ? "Alert" : "Over"}: ${summaryOf(alert)}${isFlapping(alert) ? ", flapping" : ""}`,
  };
}
