/** Tells one receiver, for as long as the program runs. What was told is stored, so that nothing is told twice. */
import { createHmac } from "node:crypto";
import { backoffMs, type BackoffPolicy } from "../../common/backoff.ts";
import type { Clock } from "../../common/clock.ts";
import { messageOf } from "../../common/ferry-error.ts";
import type { Log } from "../../common/log.ts";
import type { FleetId } from "../../protocol/ids.ts";
import type { AlertBook } from "./alert-book.ts";
import { alertmanagerMessage, webhookMessage, type MessageOptions } from "./alert-message.ts";
import { secretOf, type ReceiverConfig } from "./receiver-config.ts";
import { whatToTell, type Telling } from "./what-to-tell.ts";

export interface DeliveryPorts {
  readonly book: AlertBook;
  readonly fleet: FleetId;
  readonly externalUrl: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Told when a receiver begins to fail, and when it works again. */
  readonly onState: (receiver: string, problem: string | undefined) => Promise<void>;
  readonly random: () => number;
}

/** A receiver that has not answered by then counts as failed: none may hold up its own next message for longer. */
export const DEADLINE_MS = 10_000;
/** How soon after a change somebody is told. */
const TELL_MS = 2_000;
/** A receiver that is down is asked again at this pace: alerts wait in the database meanwhile. */
const RETRY: BackoffPolicy = { firstMs: 5_000, mostMs: 300_000 };
const REPEAT_MS = 4 * 3_600_000;
/** Alertmanager's own sender, Prometheus, repeats at this pace. */
const ALERTMANAGER_REPEAT_MS = 60_000;

export async function runReceiver(ports: DeliveryPorts, receiver: ReceiverConfig, signal: AbortSignal): Promise<void> {
  const { book, clock, log, random, onState } = ports;
  let failures = 0;
  while (!signal.aborted) {
    const nowMs = clock.nowMs();
    const tellings = whatToTell({
      alerts: [...book.alerts().values()],
      told: book.told(receiver.name),
      silences: receiver.kind === "alertmanager" ? [] : book.silences(),
      ...repeatOf(receiver),
      nowMs,
    });
    try {
      if (tellings.length > 0) {
        await send(ports, receiver, tellings, signal);
        await book.setTold(receiver.name, toldOf(tellings, nowMs));
        if (failures > 0) await onState(receiver.name, undefined);
        failures = 0;
      }
      await clock.sleep(TELL_MS, signal);
    } catch (thrown) {
      if (isOver(signal)) return;
      const problem = failureText(thrown);
      log.warn({ receiver: receiver.name, error: problem, alerts: tellings.length }, "alerts could not be delivered");
      if (failures === 0) await onState(receiver.name, problem);
      await clock.sleep(backoffMs(RETRY, failures, random), signal);
      failures += 1;
    }
  }
}

/** Asked anew: it may have changed since the loop began its turn. */
function isOver(signal: AbortSignal): boolean {
  return signal.aborted;
}

function repeatOf(receiver: ReceiverConfig) {
  if (receiver.kind === "alertmanager") return { repeatMs: ALERTMANAGER_REPEAT_MS, repeatsAcknowledged: true };
  const { repeatSeconds } = receiver;
  return { repeatMs: repeatSeconds === undefined ? REPEAT_MS : 1_000 * repeatSeconds, repeatsAcknowledged: false };
}

function toldOf(tellings: readonly Telling[], atMs: number) {
  return new Map(
    tellings.map(({ alert, status }) => [alert.fingerprint, { status, atMs, firedMs: alert.firedMs ?? 0 }] as const),
  );
}

/** Throws where the receiver does not take it within DEADLINE_MS. */
export async function send(
  { fleet, externalUrl, clock }: Pick<DeliveryPorts, "fleet" | "externalUrl" | "clock">,
  receiver: ReceiverConfig,
  tellings: readonly Telling[],
  signal: AbortSignal,
): Promise<void> {
  const nowMs = clock.nowMs();
  const options: MessageOptions = { fleet, externalUrl, receiver: receiver.name, nowMs };
  const isWebhook = receiver.kind === "webhook";
  const body = JSON.stringify(isWebhook ? webhookMessage(tellings, options) : alertmanagerMessage(tellings, options));
  const secret = secretOf(receiver);
  const response = await fetch(isWebhook ? receiver.url : `${receiver.url.replace(/\/+$/, "")}/api/v2/alerts`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(secret === undefined ? {} : { [SIGNATURE_HEADER]: signatureOf(secret, Math.floor(nowMs / 1_000), body) }),
    },
    body,
    // What was signed for one address is not handed to another.
    redirect: "error",
    signal: AbortSignal.any([signal, AbortSignal.timeout(DEADLINE_MS)]),
  });
  await response.body?.cancel();
  if (!response.ok) throw new Error(`it answered ${response.status} ${response.statusText}`.trim());
}

export const SIGNATURE_HEADER = "x-modelferry-signature";

/** `t=SECONDS,v1=HEX`: HMAC-SHA-256 over `SECONDS.BODY`, so that an old message cannot be sent again as a fresh one. */
export function signatureOf(secret: string, atSeconds: number, body: string): string {
  return `t=${atSeconds},v1=${createHmac("sha256", secret).update(`${atSeconds}.${body}`).digest("hex")}`;
}

/** fetch puts the reason one deeper. */
export function failureText(thrown: unknown): string {
  if (thrown instanceof Error && thrown.name === "TimeoutError") return `no answer within ${DEADLINE_MS / 1_000} s`;
  return thrown instanceof Error && thrown.cause !== undefined ? messageOf(thrown.cause) : messageOf(thrown);
}
