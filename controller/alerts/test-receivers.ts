/** A test alert to every receiver, all at once: that a receiver is wrong is better found out before the night. */
import type { DeliveryPorts } from "./deliver.ts";
import { failureText, send } from "./deliver.ts";
import type { Alert } from "./decide.ts";
import { secretOf, type ReceiverConfig } from "./receiver-config.ts";

export interface ReceiverAnswer {
  readonly name: string;
  readonly url: string;
  readonly isSigned: boolean;
  /** Absent: it was taken. */
  readonly problem?: string;
}

export async function testReceivers(
  ports: Pick<DeliveryPorts, "fleet" | "externalUrl" | "clock">,
  receivers: readonly ReceiverConfig[],
): Promise<ReceiverAnswer[]> {
  return Promise.all(
    receivers.map(async (receiver): Promise<ReceiverAnswer> => {
      const { name } = receiver;
      // Where it is, without what a path or a query may hold as a secret.
      const url = new URL(receiver.url).origin;
      try {
        const isSigned = secretOf(receiver) !== undefined;
        await send(ports, receiver, [{ alert: testAlert(ports.clock.nowMs()), status: "resolved" }], NEVER);
        return { name, url, isSigned };
      } catch (thrown) {
        return { name, url, isSigned: false, problem: failureText(thrown) };
      }
    }),
  );
}

/** The deadline of each message ends it. */
const NEVER = new AbortController().signal;

/** Over already: nobody must do anything. */
function testAlert(nowMs: number): Alert {
  return {
    fingerprint: "0000000000000000",
    rule: "test",
    metric: "root_days_left",
    severity: "note",
    labels: {},
    phase: "resolved",
    sinceMs: nowMs - 1_000,
    firedMs: nowMs - 1_000,
    clearMs: null,
    resolvedMs: nowMs,
    value: 0,
    threshold: 0,
    next: "Nothing: this is a test of `ferry alerts test-webhook`.",
    firings: [],
    ackedBy: null,
  };
}
